//! The roles of users, one a row, for look-ups. Written in the transaction that writes `users.roles`, which is what counts.

use uuid::Uuid;

use super::Connection;
use crate::{domain::User, store::Result};

/// Adds the roles of a user who has none of them yet.
pub(super) async fn put(connection: &mut Connection, user: &User) -> Result<()> {
    for role in &user.roles {
        sqlx::query("INSERT INTO user_roles (role, created_at, user_id) VALUES ($1, $2, $3)")
            .bind(role)
            .bind(user.created_at)
            .bind(user.id)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// Gives a user these roles instead.
pub(super) async fn replace(
    connection: &mut Connection,
    user: &User,
    roles: &[String],
) -> Result<()> {
    sqlx::query("UPDATE users SET roles = $2 WHERE id = $1")
        .bind(user.id)
        .bind(roles.join(" "))
        .execute(&mut *connection)
        .await?;
    remove(connection, user.id).await?;
    put(connection, &User { roles: roles.to_vec(), ..user.clone() }).await
}

/// Removes all roles of a user.
pub(super) async fn remove(connection: &mut Connection, user_id: Uuid) -> Result<()> {
    sqlx::query("DELETE FROM user_roles WHERE user_id = $1")
        .bind(user_id)
        .execute(connection)
        .await?;
    Ok(())
}
