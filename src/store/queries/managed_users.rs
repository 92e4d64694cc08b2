//! [`ManagedUsers`](crate::store::ManagedUsers).

use async_trait::async_trait;
use uuid::Uuid;

use super::{
    Backend,
    statements::{managed_users, user_change, user_creation, user_scan, user_sessions},
};
use crate::{
    domain::{ListedUser, LoginName, ManagedUser, UserScan},
    store::{
        Changed, ManagedUsers, NewManagedUser, Result, Revoking, UserChange, UserChangeRequest,
    },
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

    async fn managed_user_scan(&self, scan: &UserScan, most: u32) -> Result<Vec<ListedUser>> {
        self.read("managed_user_scan", (scan, most), |connection, (scan, most)| {
            Box::pin(user_scan::rows(connection, scan, *most))
        })
        .await
    }

    async fn managed_user_create(&self, new: NewManagedUser) -> Result<Changed> {
        self.write("managed_user_create", new, |connection, new| {
            Box::pin(user_creation::create(connection, new))
        })
        .await
    }

    async fn managed_user_change(
        &self,
        request: UserChangeRequest,
        change: UserChange,
    ) -> Result<Changed> {
        self.write("managed_user_change", (request, change), |connection, (request, change)| {
            Box::pin(user_change::apply(connection, request, change))
        })
        .await
    }

    async fn managed_user_sessions_revoke(
        &self,
        user_id: Uuid,
        session_id: Option<Uuid>,
        at: Revoking,
    ) -> Result<Option<usize>> {
        let args = (user_id, session_id, at);
        self.write("managed_user_sessions_revoke", args, |connection, (user, session, at)| {
            Box::pin(user_sessions::revoke(connection, *user, *session, at))
        })
        .await
    }

    async fn managed_user_unlock(
        &self,
        user_id: Uuid,
        subjects: Vec<[u8; 16]>,
        at: Revoking,
    ) -> Result<bool> {
        let args = (user_id, subjects, at);
        self.write("managed_user_unlock", args, |connection, (user_id, subjects, at)| {
            Box::pin(user_change::unlock(connection, *user_id, subjects, at))
        })
        .await
    }
}
