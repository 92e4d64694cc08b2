//! Another username of a user, by themselves.

use sqlx::Connection as _;
use uuid::Uuid;

use super::{Connection, events, guard, outbox, retries};
use crate::{
    domain::EventKind,
    store::{FactorChange, NewUsername, Result, SealedMessage, UsernameChanged},
};

pub(in crate::store) async fn change(
    connection: &mut Connection,
    change: &FactorChange,
    name: &NewUsername,
    message: &SealedMessage,
) -> Result<UsernameChanged> {
    let mut savepoint = connection.begin().await?;
    let changed = match set(&mut savepoint, change, name).await {
        Ok(changed) => changed,
        // Another transaction took the name after it was looked for (race).
        Err(error) if error.is_of_a_taken_key() => UsernameChanged::Taken,
        Err(error) => return Err(error),
    };
    if changed != UsernameChanged::Done {
        savepoint.rollback().await?;
        return Ok(changed);
    }
    savepoint.commit().await?;
    events::put(connection, &[change.event(EventKind::UsernameChanged)]).await?;
    outbox::put(connection, std::slice::from_ref(message)).await?;
    Ok(changed)
}

async fn set(
    connection: &mut Connection,
    change: &FactorChange,
    name: &NewUsername,
) -> Result<UsernameChanged> {
    if guard::take(connection, change).await?.is_none() {
        return Ok(UsernameChanged::Unauthorised);
    }
    if is_taken(connection, &name.key, change.user_id).await? {
        return Ok(UsernameChanged::Taken);
    }
    // The same request may have been carried out by another caller, whose lock this one has waited for (race).
    if !retries::note(connection, change.carried_out.as_ref()).await? {
        return Ok(UsernameChanged::Unauthorised);
    }
    put(connection, change.user_id, &name.text, &name.key).await?;
    Ok(UsernameChanged::Done)
}

/// Whether another user has the name.
pub(super) async fn is_taken(
    connection: &mut Connection,
    key: &str,
    user_id: Uuid,
) -> Result<bool> {
    let holder: Option<Uuid> =
        sqlx::query_scalar("SELECT id FROM users WHERE username_key = $1 AND id <> $2")
            .bind(key)
            .bind(user_id)
            .fetch_optional(connection)
            .await?;
    Ok(holder.is_some())
}

/// Sets the name of a user whose row is locked.
pub(super) async fn put(
    connection: &mut Connection,
    user_id: Uuid,
    name: &str,
    key: &str,
) -> Result<()> {
    sqlx::query("UPDATE users SET username = $2, username_key = $3 WHERE id = $1")
        .bind(user_id)
        .bind(name)
        .bind(key)
        .execute(connection)
        .await?;
    Ok(())
}
