//! [`Passkeys`](crate::store::Passkeys). The statements are in `statements/passkeys.rs` and `passkey_proof.rs`.

use async_trait::async_trait;
use uuid::Uuid;

use super::{
    Backend,
    statements::{passkey_proof, passkeys, used_assertions},
};
use crate::{
    domain::{Passkey, Session},
    store::{
        Credentials, FactorChange, LoginDevice, NewPasskey, PasskeyAdded, PasskeyDeleted,
        PasskeyProof, PasskeyProved, Passkeys, Result, SealedMessage, SessionLimit,
    },
};

#[async_trait]
impl Passkeys for Backend {
    async fn passkey_handle(
        &self,
        change: FactorChange,
        drawn: [u8; 64],
    ) -> Result<Option<[u8; 64]>> {
        self.write("passkey_handle", (change, drawn), |connection, (change, drawn)| {
            Box::pin(passkeys::handle(connection, change, drawn))
        })
        .await
    }

    async fn passkey_add(&self, new: NewPasskey, message: SealedMessage) -> Result<PasskeyAdded> {
        self.write("passkey_add", (new, message), |connection, (new, message)| {
            Box::pin(passkeys::add(connection, new, message))
        })
        .await
    }

    async fn passkeys_of(&self, user_id: Uuid) -> Result<Vec<Passkey>> {
        self.read("passkeys_of", user_id, |connection, user_id| {
            Box::pin(passkeys::of(connection, *user_id))
        })
        .await
    }

    async fn passkey_find(&self, credential_id: Vec<u8>) -> Result<Option<(Passkey, Credentials)>> {
        self.read("passkey_find", credential_id, |connection, credential_id| {
            Box::pin(passkeys::find(connection, credential_id))
        })
        .await
    }

    async fn passkey_challenge_used(&self, digest: [u8; 32]) -> Result<bool> {
        self.read("passkey_challenge_used", digest, |connection, digest| {
            Box::pin(used_assertions::is_used(connection, digest))
        })
        .await
    }

    async fn passkey_rename(&self, id: Uuid, user_id: Uuid, name: String) -> Result<bool> {
        self.write("passkey_rename", (id, user_id, name), |connection, (id, user_id, name)| {
            Box::pin(passkeys::rename(connection, *id, *user_id, name))
        })
        .await
    }

    async fn passkey_delete(
        &self,
        change: FactorChange,
        id: Uuid,
        message: SealedMessage,
    ) -> Result<PasskeyDeleted> {
        self.write("passkey_delete", (change, id, message), |connection, (change, id, message)| {
            Box::pin(passkeys::delete(connection, change, *id, message))
        })
        .await
    }

    async fn session_by_passkey(
        &self,
        session: Session,
        credential_version: i64,
        proof: PasskeyProof,
        limit: SessionLimit,
        device: LoginDevice,
    ) -> Result<PasskeyProved> {
        let args = (session, credential_version, (proof, limit), device);
        self.write("session_by_passkey", args, |connection, (session, version, with, device)| {
            Box::pin(passkey_proof::begin(connection, session, *version, *with, device))
        })
        .await
    }

    async fn session_prove_by_passkey(
        &self,
        change: FactorChange,
        proof: PasskeyProof,
    ) -> Result<PasskeyProved> {
        self.write("session_prove_by_passkey", (change, proof), |connection, (change, proof)| {
            Box::pin(passkey_proof::prove_again(connection, change, proof))
        })
        .await
    }
}
