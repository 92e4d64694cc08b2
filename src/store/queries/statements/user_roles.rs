//! Roles of users, one a row: `users.roles` once more, for look-ups.

use sqlx::QueryBuilder;
use uuid::Uuid;

use super::Connection;
use crate::{domain::Timestamp, store::Result};

/// Rows per statement: three values each, of the 32,766 parameters that SQLite allows.
const ROWS: usize = 10_000;

/// Adds the roles of users who have none yet: id, roles and the time of creation of each.
pub(super) async fn insert<'a>(
    connection: &mut Connection,
    users: impl Iterator<Item = (Uuid, &'a [String], Timestamp)>,
) -> Result<()> {
    let of_user = |(id, roles, at): (Uuid, &'a [String], Timestamp)| {
        roles.iter().map(move |role| (id, role, at))
    };
    let rows: Vec<_> = users.flat_map(of_user).collect();
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
