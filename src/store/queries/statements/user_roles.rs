//! The roles of users, one a row, for look-ups. Written in the transaction that writes `users.roles`, which is what counts.

use sqlx::QueryBuilder;
use uuid::Uuid;

use super::Connection;
use crate::{domain::User, store::Result};

/// Rows per statement: three values each, of the 32,766 parameters that SQLite allows.
const ROWS: usize = 10_000;

/// Adds the roles of users who have none of them yet.
pub(super) async fn put<'a>(
    connection: &mut Connection,
    users: impl IntoIterator<Item = &'a User>,
) -> Result<()> {
    let of_user =
        |user: &'a User| user.roles.iter().map(move |role| (user.id, role, user.created_at));
    let rows: Vec<_> = users.into_iter().flat_map(of_user).collect();
    for rows in rows.chunks(ROWS) {
        let mut statement = QueryBuilder::<<Connection as sqlx::Connection>::Database>::new(
            "INSERT INTO user_roles (user_id, role, created_at) ",
        );
        statement.push_values(rows, |mut values, (id, role, at)| {
            values.push_bind(*id).push_bind(*role).push_bind(*at);
        });
        statement.build().execute(&mut *connection).await?;
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
    put(connection, [&User { roles: roles.to_vec(), ..user.clone() }]).await
}

/// Removes all roles of a user.
pub(super) async fn remove(connection: &mut Connection, user_id: Uuid) -> Result<()> {
    sqlx::query("DELETE FROM user_roles WHERE user_id = $1")
        .bind(user_id)
        .execute(connection)
        .await?;
    Ok(())
}
