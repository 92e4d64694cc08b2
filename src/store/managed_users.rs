//! Users as administrators see and change them.

use async_trait::async_trait;
use uuid::Uuid;

use super::Result;
use crate::domain::{LoginName, ManagedUser, UserKeys, UserScan};

/// Users as administrators see and change them.
#[async_trait]
pub trait ManagedUsers {
    /// Finds a user by name or address.
    async fn managed_user_by_login(&self, name: &LoginName) -> Result<Option<ManagedUser>>;

    /// Finds users by id, in any order; those that do not exist, or are deleted, are missing.
    async fn managed_users(&self, ids: &[Uuid]) -> Result<Vec<ManagedUser>>;

    /// Reads the first `most` rows of a range, in its order, and nothing beyond.
    async fn managed_user_scan(&self, scan: &UserScan, most: u32) -> Result<Vec<UserKeys>>;
}
