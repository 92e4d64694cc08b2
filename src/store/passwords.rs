//! Password hashes, and what replaces them.

use async_trait::async_trait;
use uuid::Uuid;

use super::{Credentials, PasswordReset, Result, Revoking, SealedMessage};

/// Password hashes.
#[async_trait]
pub trait Passwords {
    /// Sets another password, if the credentials are still those of that version and the session that asks may ask
    /// ([`super::FactorChange`]): ends the user's other sessions and open challenges, tells those who watch, and adds the message
    /// that tells the user. The session that asks goes on. Returns whether it did.
    async fn password_change(&self, change: PasswordChange, message: SealedMessage)
    -> Result<bool>;

    /// Sets another password on the word of a right code, if the user is enabled and the credentials are still those it was
    /// sent for: uses the code up, ends all sessions and open challenges, tells those who watch, and adds the message that
    /// tells the user. Unless a second factor is left to be shown, the address counts as verified, as by
    /// [`super::MailboxCodes::email_verify`]. Of many callers one succeeds. Returns whether it did.
    async fn password_reset(&self, reset: PasswordReset, message: SealedMessage) -> Result<bool>;

    /// Replaces the hash by another one of the same password, if neither hash nor version has changed. Returns whether
    /// it did.
    async fn password_rehash(&self, of: Credentials, password_hash: String) -> Result<bool>;
}

/// Another password for a user.
#[derive(Clone)]
pub struct PasswordChange {
    /// Whose.
    pub user_id: Uuid,
    /// The credentials that were checked.
    pub credential_version: i64,
    /// The session that asks.
    pub session_id: Uuid,
    /// The new password's hash, in its stored format.
    pub password_hash: String,
    /// The request.
    pub at: Revoking,
}

impl std::fmt::Debug for PasswordChange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PasswordChange").field("user", &self.user_id).finish_non_exhaustive()
    }
}
