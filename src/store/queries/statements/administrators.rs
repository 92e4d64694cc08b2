//! The last administrator: changes that may take one away come one after the other, and none takes the last (race).

use uuid::Uuid;

use super::Connection;
use crate::{domain::ADMIN, store::Result};

/// Waits for all other changes that may take an administrator away, and makes the next ones wait, until the transaction ends. The update
/// changes nothing: it is a row lock in both databases.
pub(super) async fn take_turn(connection: &mut Connection) -> Result<()> {
    sqlx::query("UPDATE administrator_guard SET id = id WHERE id = 1").execute(connection).await?;
    Ok(())
}

/// Takes a turn for a change of a user, if that is an administrator. Returns whether it did.
///
/// A change asks before it locks the user's row, as all do, and once more after it: the role may be new. If two changes then wait for each
/// other, the database ends one, which runs again.
pub(super) async fn take_turn_for(connection: &mut Connection, user_id: Uuid) -> Result<bool> {
    let is_one: Option<Uuid> =
        sqlx::query_scalar("SELECT user_id FROM user_roles WHERE user_id = $1 AND role = $2")
            .bind(user_id)
            .bind(ADMIN)
            .fetch_optional(&mut *connection)
            .await?;
    if is_one.is_some() {
        take_turn(connection).await?;
    }
    Ok(is_one.is_some())
}

/// Whether there is an administrator who may log in, other than this user.
pub(super) async fn is_any_but(connection: &mut Connection, user_id: Uuid) -> Result<bool> {
    let found: Option<Uuid> = sqlx::query_scalar(
        "SELECT users.id FROM user_roles JOIN users ON users.id = user_roles.user_id \
         WHERE user_roles.role = $2 AND users.id <> $1 AND users.disabled_at IS NULL AND users.deleted_at IS NULL LIMIT 1",
    )
    .bind(user_id)
    .bind(ADMIN)
    .fetch_optional(connection)
    .await?;
    Ok(found.is_some())
}
