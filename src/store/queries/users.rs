//! [`Users`](crate::store::Users).

use async_trait::async_trait;
use uuid::Uuid;

use super::{
    Backend,
    statements::{account_state, registration, users},
};
use crate::{
    domain::LoginName,
    store::{Credentials, Deletion, NewUser, Result, Revoking, SealedMessage, Taken, Users},
};

#[async_trait]
impl Users for Backend {
    async fn user_create(&self, new: NewUser) -> Result<bool> {
        self.write("user_create", new, |connection, new| {
            Box::pin(registration::insert(connection, new))
        })
        .await
    }

    async fn user_taken(
        &self,
        username_key: &str,
        email_key: &str,
        request_id: Option<Uuid>,
    ) -> Result<Option<Taken>> {
        let keys = (username_key, email_key, request_id);
        self.read("user_taken", keys, |connection, (username_key, email_key, request_id)| {
            Box::pin(users::taken(connection, username_key, email_key, *request_id))
        })
        .await
    }

    async fn user_by_login(&self, name: &LoginName) -> Result<Option<Credentials>> {
        self.read("user_by_login", name, |connection, name| {
            Box::pin(users::by_login(connection, name))
        })
        .await
    }

    async fn user_by_id(&self, id: Uuid) -> Result<Option<Credentials>> {
        self.read("user_by_id", id, |connection, id| Box::pin(users::find(connection, *id))).await
    }

    async fn user_delete(
        &self,
        id: Uuid,
        session_id: Uuid,
        credential_version: i64,
        at: Revoking,
        message: SealedMessage,
    ) -> Result<Deletion> {
        let change = at.change(id, credential_version, session_id);
        self.write("user_delete", (change, at, message), |connection, (change, at, message)| {
            Box::pin(account_state::delete(connection, change, at, message))
        })
        .await
    }

    async fn user_disable(&self, id: Uuid, at: Revoking) -> Result<bool> {
        self.write("user_disable", (id, at), |connection, (id, at)| {
            Box::pin(account_state::disable(connection, *id, at))
        })
        .await
    }

    async fn user_enable(&self, id: Uuid, at: Revoking) -> Result<bool> {
        self.write("user_enable", (id, at), |connection, (id, at)| {
            Box::pin(account_state::enable(connection, *id, at))
        })
        .await
    }
}
