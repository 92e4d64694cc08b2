//! Ranges of users in the order of an index: each statement reads as many rows as it gives, and sorts none.

use uuid::Uuid;

use super::{Backend, Connection};
use crate::{
    domain::{NameIndex, TimeIndex, Timestamp, UserKeys, UserScan},
    store::Result,
};

/// The columns of a [`KeysRow`].
macro_rules! keys_columns {
    () => {
        "users.id, users.username_key, users.email_key, users.email_verified, users.disabled_at, users.roles, \
         users.created_at, users.last_login_at"
    };
}

/// The statements of an index in the order of a time: upwards and downwards. The range is after $1 and $2 and until $3; $4 is how many,
/// and $5 what `which` may name.
macro_rules! by_time {
    ($from:literal, $which:literal, $time:literal, $id:literal) => {
        [
            concat!(
                "SELECT ",
                keys_columns!(),
                " FROM ",
                $from,
                " WHERE ",
                $which,
                " AND (",
                $time,
                ", ",
                $id,
                ") > ($1, $2) AND ",
                $time,
                " < $3 ORDER BY ",
                $time,
                ", ",
                $id,
                " LIMIT $4"
            ),
            concat!(
                "SELECT ",
                keys_columns!(),
                " FROM ",
                $from,
                " WHERE ",
                $which,
                " AND (",
                $time,
                ", ",
                $id,
                ") < ($1, $2) AND ",
                $time,
                " >= $3 ORDER BY ",
                $time,
                " DESC, ",
                $id,
                " DESC LIMIT $4"
            ),
        ]
    };
}

const OF_ROLE: [&str; 2] = by_time!(
    "user_roles JOIN users ON users.id = user_roles.user_id",
    "user_roles.role = $5 AND users.deleted_at IS NULL",
    "user_roles.created_at",
    "user_roles.user_id"
);

const DISABLED: [&str; 2] =
    by_time!("users", "deleted_at IS NULL AND disabled_at IS NOT NULL", "created_at", "id");

const VERIFIED: [&str; 2] =
    by_time!("users", "deleted_at IS NULL AND email_verified = $5", "created_at", "id");

const CREATED: [&str; 2] = by_time!("users", "deleted_at IS NULL", "created_at", "id");

const LAST_LOGIN: [&str; 2] =
    by_time!("users", "deleted_at IS NULL AND last_login_at IS NOT NULL", "last_login_at", "id");

pub(in crate::store) async fn rows(
    connection: &mut Connection,
    scan: &UserScan,
    most: u32,
) -> Result<Vec<UserKeys>> {
    let rows: Vec<KeysRow> = match scan {
        UserScan::ByTime { index, descending, after, until } => {
            let which = usize::from(*descending);
            by_time(connection, index, which, *after, *until, most).await?
        }
        UserScan::ByName { index, after: (name, id), until } => {
            // By bytes, whatever the collation of the database: as prefixes are compared.
            let sql = match index {
                NameIndex::Username => Backend::USERS_BY_NAME,
                NameIndex::Email => Backend::USERS_BY_EMAIL,
            };
            let rows = sqlx::query_as(sql).bind(name).bind(id).bind(until).bind(i64::from(most));
            rows.fetch_all(connection).await?
        }
    };
    Ok(rows.into_iter().map(Into::into).collect())
}

async fn by_time(
    connection: &mut Connection,
    index: &TimeIndex,
    which: usize,
    (time, id): (Timestamp, Uuid),
    until: Timestamp,
    most: u32,
) -> Result<Vec<KeysRow>> {
    let statements = match index {
        TimeIndex::Role(_) => OF_ROLE,
        TimeIndex::Disabled => DISABLED,
        TimeIndex::Verified(_) => VERIFIED,
        TimeIndex::Created => CREATED,
        TimeIndex::LastLogin => LAST_LOGIN,
    };
    let rows = sqlx::query_as(statements[which]).bind(time).bind(id).bind(until);
    let rows = rows.bind(i64::from(most));
    let rows = match index {
        TimeIndex::Role(role) => rows.bind(role),
        TimeIndex::Verified(verified) => rows.bind(verified),
        TimeIndex::Disabled | TimeIndex::Created | TimeIndex::LastLogin => rows,
    };
    Ok(rows.fetch_all(connection).await?)
}

#[derive(sqlx::FromRow)]
struct KeysRow {
    id: Uuid,
    username_key: String,
    email_key: String,
    email_verified: bool,
    disabled_at: Option<Timestamp>,
    roles: String,
    created_at: Timestamp,
    last_login_at: Option<Timestamp>,
}

impl From<KeysRow> for UserKeys {
    fn from(row: KeysRow) -> Self {
        Self {
            id: row.id,
            username_key: row.username_key,
            email_key: row.email_key,
            email_verified: row.email_verified,
            is_disabled: row.disabled_at.is_some(),
            roles: row.roles.split_whitespace().map(str::to_owned).collect(),
            created_at: row.created_at,
            last_login_at: row.last_login_at,
        }
    }
}
