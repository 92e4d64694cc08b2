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
    /// request id is taken. With a key for a claim, an address counts as taken only if it is verified. Returns whether it did.
    async fn user_create(&self, new: NewUser) -> Result<bool>;

    /// Finds what stands in the way of a new user: the same request first, then the name, then the address.
    async fn user_taken(
        &self,
        username_key: &str,
        email_key: &str,
        request_id: Option<Uuid>,
    ) -> Result<Option<Taken>>;

    /// Finds a user by what they typed at login.
    async fn user_by_login(&self, name: &LoginName) -> Result<Option<Credentials>>;

    /// Finds a user by id; nothing once they are deleted.
    async fn user_by_id(&self, id: Uuid) -> Result<Option<Credentials>>;

    /// Deletes a user, if the credentials are still those of that version and the session that asks may ask
    /// ([`super::FactorChange`]), tells those who watch, and adds the message that tells the user. Name and address are free at once,
    /// and nothing personal is left in the user's row; it and all that refers to it is removed later (`Ended::Deleted…`).
    /// Returns whether it did.
    async fn user_delete(
        &self,
        id: Uuid,
        session_id: Uuid,
        credential_version: i64,
        at: Revoking,
        message: SealedMessage,
    ) -> Result<bool>;

    /// Disables a user, ends all of their sessions and open challenges and what was begun with their credentials, and tells
    /// those who watch. Returns whether they were enabled.
    async fn user_disable(&self, id: Uuid, at: Revoking) -> Result<bool>;

    /// Enables a user. What had not ended when they were disabled past [`user_disable`](Self::user_disable) ends now. Returns
    /// whether they were disabled.
    async fn user_enable(&self, id: Uuid, at: Revoking) -> Result<bool>;
}

/// A user that is to be added.
#[derive(Clone)]
pub struct NewUser {
    /// The user as it will be.
    pub user: User,
    /// The unique spelling of the username.
    pub username_key: String,
    /// The unique spelling of the e-mail address.
    pub email_key: String,
    /// The key in its place where another account has the address and has not verified it; none where that counts as taken.
    pub claim_key: Option<String>,
    /// Until when the address must be verified, or the account ends; never if empty.
    pub verify_by: Option<Timestamp>,
    /// The password's hash, in its stored format.
    pub password_hash: String,
    /// The request that made it, so that a retry finds it.
    pub request_id: Option<Uuid>,
    /// The code that is sent to the address, where it is to be verified.
    pub verification: Option<NewMailboxCode>,
    /// Who asks, for the event.
    pub actor: Actor,
    /// Where it comes from.
    pub address: Option<IpAddr>,
}

impl std::fmt::Debug for NewUser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewUser").field("user", &self.user.id).finish_non_exhaustive()
    }
}

/// A user with what is needed to check who they are.
#[derive(Clone)]
pub struct Credentials {
    /// The user.
    pub user: User,
    /// The password's hash, in its stored format.
    pub password_hash: String,
    /// Grows with every change of the credentials.
    pub credential_version: i64,
}

impl Credentials {
    /// The version that they begin with.
    pub const FIRST_VERSION: i64 = 1;
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("user", &self.user.id).finish_non_exhaustive()
    }
}

/// What stands in the way of a new user.
#[derive(Debug, Clone)]
pub enum Taken {
    /// A user that the same request made.
    RequestId(Box<Credentials>),
    /// The username.
    Username,
    /// The e-mail address.
    Email {
        /// Whether whoever has it has verified it.
        verified: bool,
    },
}
