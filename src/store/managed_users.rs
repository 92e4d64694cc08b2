//! Users as administrators see and change them.

use std::fmt;

use async_trait::async_trait;
use uuid::Uuid;

use super::{NewMailboxCode, NewUser, Result, Revoking, SealedMessage};
use crate::domain::{JsonObject, ListedUser, LoginName, ManagedUser, Timestamp, UserScan};

/// Users as administrators see and change them.
#[async_trait]
pub trait ManagedUsers {
    /// Finds a user by name or address.
    async fn managed_user_by_login(&self, name: &LoginName) -> Result<Option<ManagedUser>>;

    /// Finds users by id, in any order; those that do not exist, or are deleted, are missing.
    async fn managed_users(&self, ids: &[Uuid]) -> Result<Vec<ManagedUser>>;

    /// Reads the first `most` rows of a range, in its order, and nothing beyond.
    async fn managed_user_scan(&self, scan: &UserScan, most: u32) -> Result<Vec<ListedUser>>;

    /// Adds a user, with the code by which they set a password if there is one. A verified address ends the accounts that claim it
    /// unverified. The same request again finds the user of the first.
    async fn managed_user_create(&self, new: NewManagedUser) -> Result<Changed>;

    /// Changes a user, if the request's conditions are met in the same transaction, and records it. What a change takes away is revoked.
    /// Only what is [`Changed::Done`] is kept, and not even that of a request that is only tried.
    async fn managed_user_change(
        &self,
        request: UserChangeRequest,
        change: UserChange,
    ) -> Result<Changed>;

    /// Revokes one session of a user, or all. Returns how many lived; `None` if there is no such user.
    async fn managed_user_sessions_revoke(
        &self,
        user_id: Uuid,
        session_id: Option<Uuid>,
        at: Revoking,
    ) -> Result<Option<usize>>;

    /// Deletes the budgets whose keys begin with one of these subjects, and records that. Returns whether there is such a user.
    async fn managed_user_unlock(
        &self,
        user_id: Uuid,
        subjects: Vec<[u8; 16]>,
        at: Revoking,
    ) -> Result<bool>;
}

/// The result of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changed {
    /// It is made; the user as it is now, or, once deleted, as it was.
    Done(Box<ManagedUser>),
    /// The same request was carried out before; the user as it is now, if it is not deleted.
    Repeated(Option<Box<ManagedUser>>),
    /// There is no such user.
    NotFound,
    /// The user is not as the etag says.
    EtagMismatch,
    /// No user who may log in would have the role of administrators.
    LastAdministrator,
    /// Another request had this id.
    RequestIdReused,
    /// Another user has the username.
    UsernameTaken,
    /// Another user has the address.
    EmailTaken,
}

/// What a change of a user depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserChangeRequest {
    /// The user.
    pub user_id: Uuid,
    /// The state that is to be changed; empty is any.
    pub etag: String,
    /// The idempotency key of the request.
    pub request_id: Option<Uuid>,
    /// How long a repetition of it is known as one.
    pub id_expires_at: Timestamp,
    /// Whether to change nothing, and to answer all the same.
    pub validate_only: bool,
    /// Whether the last administrator is kept. Not from an operator.
    pub keeps_an_administrator: bool,
    /// The request.
    pub at: Revoking,
}

/// A change of a user.
#[derive(Clone)]
pub enum UserChange {
    /// New fields.
    Update(UserUpdate),
    /// The end of the account, with the notice to the user.
    Delete(Option<SealedMessage>),
    /// A new password.
    SetPassword {
        /// Its hash, in its stored format.
        password_hash: String,
        /// The notice to the user.
        message: SealedMessage,
    },
    /// The end of the second factor, with the notice to the user.
    ResetFactors(SealedMessage),
}

/// New fields of a user; what is `None` stays.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UserUpdate {
    /// The username and its key.
    pub username: Option<(String, String)>,
    /// The address. Another one is not verified.
    pub email: Option<NewAddress>,
    /// Whether the address is verified. If it is, the accounts that claim it unverified end.
    pub email_verified: Option<bool>,
    /// Whether the account is disabled.
    pub disabled: Option<bool>,
    /// The roles.
    pub roles: Option<Vec<String>>,
    /// The metadata.
    pub metadata: Option<JsonObject>,
    /// The claims.
    pub claims: Option<JsonObject>,
}

/// Another address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAddress {
    /// The address as it was typed.
    pub text: String,
    /// Its key.
    pub key: String,
    /// The key to use where another account has the address unverified (a claim); `None` where that counts as taken.
    pub claim_key: Option<String>,
}

/// A new user of an administrator.
#[derive(Debug, Clone)]
pub struct NewManagedUser {
    /// The user, whose address is not verified yet.
    pub new: NewUser,
    /// The metadata.
    pub metadata: JsonObject,
    /// Whether the administrator vouches for the address.
    pub email_verified: bool,
    /// The code by which the user sets a password.
    pub reset: Option<NewMailboxCode>,
    /// Whether to change nothing, and to answer all the same.
    pub validate_only: bool,
    /// The request.
    pub at: Revoking,
}

impl UserChange {
    /// The name of the change.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Update(_) => "update",
            Self::Delete(_) => "delete",
            Self::SetPassword { .. } => "set_password",
            Self::ResetFactors(_) => "reset_factors",
        }
    }

    /// The notice to the user.
    pub(super) fn message(&self) -> Option<&SealedMessage> {
        match self {
            Self::Update(_) => None,
            Self::Delete(message) => message.as_ref(),
            Self::SetPassword { message, .. } | Self::ResetFactors(message) => Some(message),
        }
    }

    /// Whether other accounts may end by it: those that claim the address.
    pub(super) fn may_end_others(&self) -> bool {
        matches!(self, Self::Update(update) if update.email_verified == Some(true))
    }

    /// What was taken by another transaction, after it was found to be free.
    pub(super) fn taken_meanwhile(&self) -> Changed {
        match self {
            Self::Update(UserUpdate { username: None, .. }) => Changed::EmailTaken,
            Self::Update(_)
            | Self::Delete(_)
            | Self::SetPassword { .. }
            | Self::ResetFactors(_) => Changed::UsernameTaken,
        }
    }
}

/// Without the hash.
impl fmt::Debug for UserChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UserChange({})", self.as_str())
    }
}
