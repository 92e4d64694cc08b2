//! [`SigningKeys`](crate::store::SigningKeys).

use async_trait::async_trait;
use uuid::Uuid;

use super::{Backend, statements::signing_keys};
use crate::store::{Result, Revoking, SealedKey, SigningKeys};

#[async_trait]
impl SigningKeys for Backend {
    async fn signing_keys(&self) -> Result<Vec<SealedKey>> {
        self.read("signing_keys", (), |connection, ()| Box::pin(signing_keys::all(connection)))
            .await
    }

    async fn signing_key_unretired(&self, id: Uuid) -> Result<bool> {
        self.read("signing_key_unretired", id, |connection, id| {
            Box::pin(signing_keys::is_unretired(connection, *id))
        })
        .await
    }

    async fn signing_key_create(&self, key: SealedKey) -> Result<bool> {
        self.write("signing_key_create", key, |connection, key| {
            Box::pin(signing_keys::insert(connection, key))
        })
        .await
    }

    async fn signing_key_retire(&self, id: Uuid, signer: Uuid, at: Revoking) -> Result<bool> {
        self.write("signing_key_retire", (id, signer, at), |connection, (id, signer, at)| {
            Box::pin(signing_keys::retire(connection, *id, *signer, at.clone()))
        })
        .await
    }

    async fn signing_key_replace(
        &self,
        key: SealedKey,
        replaced: Uuid,
        at: Revoking,
    ) -> Result<bool> {
        self.write("signing_key_replace", (key, replaced, at), |connection, (key, replaced, at)| {
            Box::pin(signing_keys::replace(connection, key, *replaced, at.clone()))
        })
        .await
    }

    async fn signing_key_erase(&self, id: Uuid) -> Result<bool> {
        self.write("signing_key_erase", id, |connection, id| {
            Box::pin(signing_keys::erase(connection, *id))
        })
        .await
    }

    async fn signing_key_remove(&self, id: Uuid) -> Result<bool> {
        self.write("signing_key_remove", id, |connection, id| {
            Box::pin(signing_keys::remove(connection, *id))
        })
        .await
    }
}
