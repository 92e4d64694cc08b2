//! Replacement of password hashes.

use uuid::Uuid;

use super::{
    Connection, challenges, events, guard, outbox, retries, rules::account_is_as_it_was, sessions,
    void_codes,
};
use crate::{
    domain::{EventKind, Timestamp},
    store::{Credentials, PasswordChange, Result, SealedMessage},
};

pub(in crate::store) async fn replace(
    connection: &mut Connection,
    change: &PasswordChange,
    message: &SealedMessage,
) -> Result<bool> {
    let (user_id, version) = (change.user_id, change.credential_version);
    let asked = change.at.change(user_id, version, change.session_id);
    if guard::take(connection, &asked).await?.is_none() {
        return Ok(false);
    }
    if !set_hash(connection, user_id, version, &change.password_hash).await? {
        return Ok(false);
    }
    retries::note(connection, change.at.carried_out.as_ref()).await?;
    // Keeps the calling session live.
    sqlx::query(
        "UPDATE sessions SET credential_version = credential_version + 1 \
         WHERE id = $1 AND user_id = $2 AND credential_version = $3",
    )
    .bind(change.session_id)
    .bind(user_id)
    .bind(version)
    .execute(&mut *connection)
    .await?;
    challenges::end_all(connection, user_id, change.at.now).await?;
    void_codes::of_credentials(connection, user_id, change.at.now).await?;
    let event = change.at.event(EventKind::PasswordChanged, user_id, change.session_id);
    events::put(connection, &[event]).await?;
    sessions::revoke_others(connection, user_id, change.session_id, &change.at).await?;
    outbox::put(connection, std::slice::from_ref(message)).await?;
    Ok(true)
}

/// First, because it locks the user's row: logins that are about to begin a session wait, and then find the password
/// changed.
pub(super) async fn set_hash(
    connection: &mut Connection,
    user_id: Uuid,
    credential_version: i64,
    password_hash: &str,
) -> Result<bool> {
    let changed = sqlx::query(concat!(
        "UPDATE users SET password_hash = $3, password_distrusted_at = NULL, \
         credential_version = credential_version + 1 WHERE ",
        account_is_as_it_was!("$1", "$2"),
        " RETURNING id",
    ))
    .bind(user_id)
    .bind(credential_version)
    .bind(password_hash)
    .fetch_optional(connection)
    .await?;
    Ok(changed.is_some())
}

/// By itself the password of a user, whose row is locked, opens nothing until there is another one: whoever did what is undone knew it.
pub(super) async fn distrust(
    connection: &mut Connection,
    user_id: Uuid,
    now: Timestamp,
) -> Result<()> {
    sqlx::query("UPDATE users SET password_distrusted_at = $2 WHERE id = $1")
        .bind(user_id)
        .bind(now)
        .execute(connection)
        .await?;
    Ok(())
}

/// It is the same password, in another format: what is known of it stays.
pub(in crate::store) async fn rehash(
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
