//! Users who move in and out.

use std::collections::HashMap;

use async_trait::async_trait;
use uuid::Uuid;

use super::{Result, Revoking, SealedTotp};
use crate::domain::{JsonObject, User};

/// Users who move in and out.
#[async_trait]
pub trait Transfer {
    /// Adds the users of a batch whose names and addresses are free, and one event, if any was added. All of it commits, or nothing.
    /// Returns what became of each, in their order.
    async fn users_import(&self, batch: Vec<ImportedUser>, at: Revoking) -> Result<Vec<Imported>>;

    /// What would become of each, by the accounts that there are. It writes nothing, and does not compare the users of the batch with each
    /// other.
    async fn users_import_check(&self, batch: Vec<ImportedUser>) -> Result<Vec<Imported>>;

    /// The rows of users after that id are cut into pages of that many: the ids of the last rows of so many pages. Fewer mean that what is
    /// left is no whole page.
    async fn users_export_ends(&self, after: Uuid, rows: u32, pages: u32) -> Result<Vec<Uuid>>;

    /// The users by id after the first and up to the second.
    async fn users_export(&self, after: Uuid, until: Uuid) -> Result<Vec<ExportedUser>>;

    /// The confirmed authenticator apps of these users.
    async fn users_export_apps(
        &self,
        after: Uuid,
        until: Uuid,
    ) -> Result<HashMap<Uuid, SealedTotp>>;
}

/// A user to import.
#[derive(Clone)]
pub struct ImportedUser {
    /// The user.
    pub user: User,
    /// The canonical key of the username.
    pub username_key: String,
    /// The canonical key of the e-mail address.
    pub email_key: String,
    /// Data of administrators.
    pub metadata: JsonObject,
    /// The password's hash, in its stored format; empty is none.
    pub password_hash: String,
    /// The secret of an authenticator app, and the last step whose codes are refused.
    pub totp: Option<(SealedTotp, i64)>,
    /// Whether the row named the user, or the username was made of the address: then the address alone tells whether the user exists.
    pub is_named: bool,
}

impl std::fmt::Debug for ImportedUser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ImportedUser").field("user", &self.user.id).finish_non_exhaustive()
    }
}

/// What became of an imported user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Imported {
    /// The user was added, or would be.
    Created,
    /// There is this user.
    Exists(Uuid),
    /// Another user has the username.
    UsernameTaken,
    /// Another user has the address.
    EmailTaken,
}

/// A user to export. Objects are as stored: parsed, they take ten times the memory of their text.
#[derive(Clone)]
pub struct ExportedUser {
    /// The user, but for the claims.
    pub user: User,
    /// JSON of the claims; none is an empty object.
    pub claims: Option<String>,
    /// JSON of the data of administrators; none is an empty object.
    pub metadata: Option<String>,
    /// The password's hash, in its stored format; empty is none.
    pub password_hash: String,
}

impl std::fmt::Debug for ExportedUser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ExportedUser").field("user", &self.user.id).finish_non_exhaustive()
    }
}
