//! Ranges of users in the order of an index: each statement reads as many rows as it gives, and sorts none.

use uuid::Uuid;

use super::{
    Connection,
    managed_user_row::{ManagedUserRow, managed_user_columns},
};
use crate::{
    domain::{ListedUser, NameIndex, TimeIndex, Timestamp, UserScan},
    store::{Error, Result},
};

/// The columns of a [`ListedRow`]. All that a page shows is read at once: a second look-up by id would cost a level of the
/// index more for each row of a larger table.
macro_rules! listed_columns {
    () => {
        concat!(managed_user_columns!(), ", users.email_key")
    };
}

/// The statements of an index in the order of a time: upwards and downwards. The range is after $1 and $2 and until $3; $4 is how many,
/// and $5 what `which` may name.
macro_rules! by_time {
    ($from:literal, $which:literal, $time:literal, $id:literal) => {
        [
            concat!(
                "SELECT ",
                listed_columns!(),
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
                listed_columns!(),
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

/// The statement of an index in the order of a key, by its bytes, whatever the collation of the database: as prefixes are compared.
macro_rules! by_name {
    ($key:literal) => {
        concat!(
            "SELECT ",
            listed_columns!(),
            " FROM users WHERE deleted_at IS NULL AND (",
            by_bytes!($key),
            ", id) > ($1, $2) AND ",
            by_bytes!($key),
            " < $3 ORDER BY ",
            by_bytes!($key),
            ", id LIMIT $4"
        )
    };
}

const BY_USERNAME: &str = by_name!("username_key");

const BY_EMAIL: &str = by_name!("email_key");

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
) -> Result<Vec<ListedUser>> {
    let rows: Vec<ListedRow> = match scan {
        UserScan::ByTime { index, descending, after, until } => {
            let which = usize::from(*descending);
            by_time(connection, index, which, *after, *until, most).await?
        }
        UserScan::ByName { index, after: (name, id), until } => {
            let sql = match index {
                NameIndex::Username => BY_USERNAME,
                NameIndex::Email => BY_EMAIL,
            };
            let rows = sqlx::query_as(sql).bind(name).bind(id).bind(until).bind(i64::from(most));
            rows.fetch_all(connection).await?
        }
    };
    rows.into_iter().map(TryInto::try_into).collect()
}

async fn by_time(
    connection: &mut Connection,
    index: &TimeIndex,
    which: usize,
    (time, id): (Timestamp, Uuid),
    until: Timestamp,
    most: u32,
) -> Result<Vec<ListedRow>> {
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
struct ListedRow {
    #[sqlx(flatten)]
    managed: ManagedUserRow,
    username_key: String,
    email_key: String,
}

impl TryFrom<ListedRow> for ListedUser {
    type Error = Error;

    fn try_from(row: ListedRow) -> Result<Self> {
        let ListedRow { managed, username_key, email_key } = row;
        Ok(Self { managed: managed.try_into()?, username_key, email_key })
    }
}
