//! [`ManagedUsers`](crate::store::ManagedUsers).

use async_trait::async_trait;
use uuid::Uuid;

use super::{
    Backend,
    statements::{managed_users, user_scan},
};
use crate::{
    domain::{LoginName, ManagedUser, UserKeys, UserScan},
    store::{ManagedUsers, Result},
};

#[async_trait]
impl ManagedUsers for Backend {
    async fn managed_user_by_login(&self, name: &LoginName) -> Result<Option<ManagedUser>> {
        self.read("managed_user_by_login", name, |connection, name| {
            Box::pin(managed_users::by_login(connection, name))
        })
        .await
    }

    async fn managed_users(&self, ids: &[Uuid]) -> Result<Vec<ManagedUser>> {
        self.read("managed_users", ids, |connection, ids| {
            Box::pin(managed_users::by_ids(connection, ids))
        })
        .await
    }

    async fn managed_user_scan(&self, scan: &UserScan, most: u32) -> Result<Vec<UserKeys>> {
        self.read("managed_user_scan", (scan, most), |connection, (scan, most)| {
            Box::pin(user_scan::rows(connection, scan, *most))
        })
        .await
    }
}
