//! Password hashes and their replacement.

use async_trait::async_trait;
use uuid::Uuid;

use super::{Credentials, PasswordReset, Result, Revoking, SealedMessage};

/// Password hashes.
#[async_trait]
pub trait Passwords {
    /// Sets another password, if the credential version and the calling session still allow it ([`super::FactorChange`]):
    /// revokes the user's other sessions, ends open challenges, appends the revocation, and adds the notice to the user.
    /// Returns whether it did.
    async fn password_change(&self, change: PasswordChange, message: SealedMessage)
    -> Result<bool>;

    /// Resets the password by a right code, if the user is enabled and their credentials are still those that the code was
    /// sent for: consumes the code, revokes all sessions, ends open challenges, appends the revocation, and adds the notice
    /// to the user. Unless a second factor is still to be shown, the address counts as verified, as by
    /// [`super::MailboxCodes::email_verify`]. Of concurrent callers one succeeds. Returns whether it did.
    async fn password_reset(&self, reset: PasswordReset, message: SealedMessage) -> Result<bool>;

    /// Replaces the hash by another one of the same password, if neither hash nor version has changed (compare-and-set).
    /// Returns whether it did.
    async fn password_rehash(&self, of: Credentials, password_hash: String) -> Result<bool>;
}

/// A change of a user's password.
#[derive(Clone)]
pub struct PasswordChange {
    /// The user.
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
