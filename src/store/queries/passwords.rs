//! Password hashes, replaced.

use async_trait::async_trait;

use super::{Backend, Connection, challenges, events, outbox, sessions};
use crate::{
    domain::EventKind,
    store::{Credentials, PasswordChange, Passwords, Result, SealedMessage},
};

#[async_trait]
impl Passwords for Backend {
    async fn password_change(
        &self,
        change: PasswordChange,
        message: SealedMessage,
    ) -> Result<bool> {
        self.write((change, message), |connection, (change, message)| {
            Box::pin(replace(connection, change, message))
        })
        .await
    }

    async fn password_rehash(&self, of: Credentials, password_hash: String) -> Result<bool> {
        self.write((of, password_hash), |connection, (of, password_hash)| {
            Box::pin(rehash(connection, of, password_hash))
        })
        .await
    }
}

async fn replace(
    connection: &mut Connection,
    change: &PasswordChange,
    message: &SealedMessage,
) -> Result<bool> {
    // First, because it takes the user's row: logins that are about to begin a session wait, and then find that their
    // password is no longer the one.
    let changed = sqlx::query(
        "UPDATE users SET password_hash = $3, credential_version = credential_version + 1 \
         WHERE id = $1 AND credential_version = $2 AND disabled_at IS NULL RETURNING id",
    )
    .bind(change.user_id)
    .bind(change.credential_version)
    .bind(&change.password_hash)
    .fetch_optional(&mut *connection)
    .await?;
    if changed.is_none() {
        return Ok(false);
    }
    // Without this, the session that asks would end, too.
    sqlx::query(
        "UPDATE sessions SET credential_version = credential_version + 1 \
         WHERE id = $1 AND user_id = $2 AND credential_version = $3",
    )
    .bind(change.session_id)
    .bind(change.user_id)
    .bind(change.credential_version)
    .execute(&mut *connection)
    .await?;
    challenges::end_all(connection, change.user_id, change.at.now).await?;
    let changed = EventKind::PasswordChanged;
    let event = change.at.event(changed, change.user_id, change.session_id);
    events::put(connection, &[event]).await?;
    sessions::revoke_others(connection, change.user_id, change.session_id, &change.at).await?;
    outbox::put(connection, std::slice::from_ref(message)).await?;
    Ok(true)
}

async fn rehash(
    connection: &mut Connection,
    of: &Credentials,
    password_hash: &str,
) -> Result<bool> {
    let replaced = sqlx::query(
        "UPDATE users SET password_hash = $4 \
         WHERE id = $1 AND credential_version = $2 AND password_hash = $3 RETURNING id",
    )
    .bind(of.user.id)
    .bind(of.credential_version)
    .bind(&of.password_hash)
    .bind(password_hash)
    .fetch_optional(connection)
    .await?;
    Ok(replaced.is_some())
}
