//! Users and their credentials.

use std::net::IpAddr;

use async_trait::async_trait;
use uuid::Uuid;

use super::{NewMailboxCode, Result, Revoking, SealedMessage};
use crate::domain::{Actor, LoginName, Timestamp, User};

/// Users and their credentials.
#[async_trait]
pub trait Users {
    /// Adds a user, and the code that verifies their address if there is one, unless the username, the address or the
    /// request id is taken. With a claim key, only a verified address counts as taken. Returns whether it did.
    async fn user_create(&self, new: NewUser) -> Result<bool>;

    /// Finds what conflicts with a new user: the same request first, then the name, then the address.
    async fn user_taken(
        &self,
        username_key: &str,
        email_key: &str,
        request_id: Option<Uuid>,
    ) -> Result<Option<Taken>>;

    /// Finds a user by their login name.
    async fn user_by_login(&self, name: &LoginName) -> Result<Option<Credentials>>;

    /// Finds a user by id; `None` once they are deleted.
    async fn user_by_id(&self, id: Uuid) -> Result<Option<Credentials>>;

    /// Deletes a user, if the credential version and the calling session still allow it ([`super::FactorChange`]), appends
    /// the revocation, and adds the notice to the user. Name and address are free at once, and the user's row is stripped
    /// of personal data; it and all that refers to it is removed later (`Ended::Deleted…`). Not the last administrator.
    async fn user_delete(
        &self,
        id: Uuid,
        session_id: Uuid,
        credential_version: i64,
        at: Revoking,
        message: SealedMessage,
    ) -> Result<Deletion>;

    /// Disables a user: revokes all of their sessions, ends open challenges and all that was begun with their credentials,
    /// and appends the revocation. Returns whether they were enabled.
    async fn user_disable(&self, id: Uuid, at: Revoking) -> Result<bool>;

    /// Enables a user. If they were disabled past [`user_disable`](Self::user_disable), whatever survived that ends now.
    /// Returns whether they were disabled.
    async fn user_enable(&self, id: Uuid, at: Revoking) -> Result<bool>;
}

/// The result of a deletion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deletion {
    /// The user is deleted.
    Done,
    /// The credentials were changed, or the session may not ask.
    Unauthorised,
    /// No other user who may log in has the role of administrators.
    LastAdministrator,
}

/// A new user.
#[derive(Clone)]
pub struct NewUser {
    /// The user.
    pub user: User,
    /// The canonical key of the username.
    pub username_key: String,
    /// The canonical key of the e-mail address.
    pub email_key: String,
    /// The key to use where another account has the address unverified (a claim); `None` where that counts as taken.
    pub claim_key: Option<String>,
    /// The deadline for verifying the address, after which the account is deleted; `None` is never.
    pub verify_by: Option<Timestamp>,
    /// The password's hash, in its stored format.
    pub password_hash: String,
    /// The idempotency key of the request, so that a retry finds the user.
    pub request_id: Option<Uuid>,
    /// The code that verifies the address, where it is to be verified.
    pub verification: Option<NewMailboxCode>,
    /// The actor, for the event.
    pub actor: Actor,
    /// The client address.
    pub address: Option<IpAddr>,
}

impl std::fmt::Debug for NewUser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewUser").field("user", &self.user.id).finish_non_exhaustive()
    }
}

/// A user with the data to authenticate them.
#[derive(Clone)]
pub struct Credentials {
    /// The user.
    pub user: User,
    /// The password's hash, in its stored format.
    pub password_hash: String,
    /// Grows with every change of the credentials (optimistic concurrency).
    pub credential_version: i64,
    /// Whether somebody else is known to have had the password: by itself it opens nothing, until there is another one (ADR 51).
    pub is_distrusted: bool,
}

impl Credentials {
    /// The version of new credentials.
    pub const FIRST_VERSION: i64 = 1;
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("user", &self.user.id).finish_non_exhaustive()
    }
}

/// A conflict with a new user.
#[derive(Debug, Clone)]
pub enum Taken {
    /// The same request has created a user (idempotent retry).
    RequestId(Box<Credentials>),
    /// The username is taken.
    Username,
    /// The e-mail address is taken.
    Email {
        /// Whether its owner has verified it.
        verified: bool,
    },
}
