//! Passkeys, and the logins by them (ADR 53).

use async_trait::async_trait;
use uuid::Uuid;

use super::{
    Credentials, FactorChange, LoginDevice, NewAssertion, PasskeyUse, Result, SealedMessage,
    SessionLimit,
};
use crate::domain::{Passkey, Session};

/// Passkeys of users. A credential id is one user's, and a challenge works once.
#[async_trait]
pub trait Passkeys {
    /// What authenticators know the user by: `drawn`, unless there is one already. `None` where [`FactorChange`]'s rule does not hold.
    async fn passkey_handle(
        &self,
        change: FactorChange,
        drawn: [u8; 64],
    ) -> Result<Option<[u8; 64]>>;

    /// Adds a passkey, and the notice to the user. The challenge is used up by that, whatever comes of it.
    async fn passkey_add(&self, new: NewPasskey, message: SealedMessage) -> Result<PasskeyAdded>;

    /// The user's passkeys, the one that was added last first.
    async fn passkeys_of(&self, user_id: Uuid) -> Result<Vec<Passkey>>;

    /// Finds a passkey and its user by the authenticator's id of it. Not those of deleted users.
    async fn passkey_find(&self, credential_id: Vec<u8>) -> Result<Option<(Passkey, Credentials)>>;

    /// Whether a challenge was answered before.
    async fn passkey_challenge_used(&self, digest: [u8; 32]) -> Result<bool>;

    /// Renames a user's passkey. Returns whether there is one.
    async fn passkey_rename(&self, id: Uuid, user_id: Uuid, name: String) -> Result<bool>;

    /// Deletes a user's passkey, and adds the notice to the user.
    async fn passkey_delete(
        &self,
        change: FactorChange,
        id: Uuid,
        message: SealedMessage,
    ) -> Result<PasskeyDeleted>;

    /// Begins a session by a passkey, as [`super::Sessions::session_create`] does by a password. Of concurrent callers with one challenge
    /// one succeeds. An answer that comes to nothing has used its challenge up all the same.
    async fn session_by_passkey(
        &self,
        session: Session,
        credential_version: i64,
        proof: PasskeyProof,
        limit: SessionLimit,
        device: LoginDevice,
    ) -> Result<PasskeyProved>;

    /// Proves a live session of the passkey's user once more, under the same conditions.
    async fn session_prove_by_passkey(
        &self,
        change: FactorChange,
        proof: PasskeyProof,
    ) -> Result<PasskeyProved>;
}

/// A passkey to be added.
#[derive(Debug, Clone)]
pub struct NewPasskey {
    /// The passkey. What authenticators know the user by is on record already.
    pub passkey: Passkey,
    /// The user, and the session that asks.
    pub change: FactorChange,
    /// The challenge that was answered.
    pub used: NewAssertion,
    /// The most that a user may have.
    pub most: usize,
}

/// The result of adding a passkey.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasskeyAdded {
    /// It is the user's.
    Done,
    /// [`FactorChange`]'s rule does not hold, or the challenge was used before.
    Refused,
    /// A user has a credential of that id.
    Taken,
    /// The user has as many as may be.
    TooMany,
}

/// The result of deleting a passkey.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasskeyDeleted {
    /// It is gone.
    Done,
    /// [`FactorChange`]'s rule does not hold.
    Refused,
    /// The user has no such passkey.
    NotFound,
}

/// A passkey that proves its user by itself.
#[derive(Debug, Clone, Copy)]
pub struct PasskeyProof {
    /// The use.
    pub usage: PasskeyUse,
    /// The challenge that was answered.
    pub used: NewAssertion,
}

/// What comes of an assertion that was right when it was checked: others write, too (race).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PasskeyProved {
    /// The session, as it is now.
    Session(Box<Session>),
    /// The challenge was used before, or is from before a restore.
    Used,
    /// The counter has gone past this use: a copy of the authenticator, or two of its answers that overtook each other.
    CounterNotHigher,
    /// The user has no such passkey any more, their account or credentials have changed, or the session to be proved has ended.
    Refused,
}

impl From<Option<Session>> for PasskeyProved {
    fn from(session: Option<Session>) -> Self {
        session.map_or(Self::Refused, |session| Self::Session(Box::new(session)))
    }
}
