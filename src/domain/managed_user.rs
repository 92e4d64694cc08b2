//! A user as administrators see it.

use super::{JsonObject, Timestamp, User};

/// A user with all that administrators may know. It has no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManagedUser {
    /// The user.
    pub user: User,
    /// Data of administrators about the user.
    pub metadata: JsonObject,
    /// Whether there is a password.
    pub has_password: bool,
    /// The time of the last completed login.
    pub last_login_at: Option<Timestamp>,
    /// When the account is deleted for good, if its user has asked for that. It is disabled until then.
    pub deletion_due_at: Option<Timestamp>,
    /// Names this state of the account (AIP-154). It follows from the account's content, so that every change makes another one, whatever
    /// makes the change; logins make none.
    pub etag: String,
}
