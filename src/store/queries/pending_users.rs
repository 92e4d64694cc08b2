//! [`PendingUsers`](crate::store::PendingUsers).

use async_trait::async_trait;
use uuid::Uuid;

use super::{Backend, statements::pending_users};
use crate::{
    domain::Timestamp,
    store::{Completed, Credentials, NewUser, PendingUsers, Result, Revoking},
};

#[async_trait]
impl PendingUsers for Backend {
    async fn pending_user_create(&self, new: NewUser) -> Result<bool> {
        self.write("pending_user_create", new, |connection, new| {
            Box::pin(pending_users::insert(connection, new))
        })
        .await
    }

    async fn pending_user_by_id(&self, id: Uuid, now: Timestamp) -> Result<Option<Credentials>> {
        self.read("pending_user_by_id", (id, now), |connection, (id, now)| {
            Box::pin(pending_users::by_id(connection, *id, *now))
        })
        .await
    }

    async fn pending_user_by_request(
        &self,
        request_id: Uuid,
        now: Timestamp,
    ) -> Result<Option<Credentials>> {
        self.read("pending_user_by_request", (request_id, now), |connection, (id, now)| {
            Box::pin(pending_users::by_request(connection, *id, *now))
        })
        .await
    }

    async fn pending_user_complete(
        &self,
        code_id: Uuid,
        new: NewUser,
        at: Revoking,
    ) -> Result<Completed> {
        let args = (code_id, new, at);
        self.write("pending_user_complete", args, |connection, (code_id, new, at)| {
            Box::pin(pending_users::complete(connection, *code_id, new, at))
        })
        .await
    }
}
