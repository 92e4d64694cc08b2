//! Users as administrators see them: look-ups.

use sqlx::QueryBuilder;
use uuid::Uuid;

use super::{
    Connection,
    managed_user_row::{ManagedUserRow, managed_user_columns},
};
use crate::{
    domain::{LoginName, ManagedUser},
    store::Result,
};

const BY_USERNAME: &str = concat!(
    "SELECT ",
    managed_user_columns!(),
    " FROM users WHERE username_key = $1 AND deleted_at IS NULL"
);

const BY_EMAIL: &str = concat!(
    "SELECT ",
    managed_user_columns!(),
    " FROM users WHERE email_key = $1 AND deleted_at IS NULL"
);

const BY_IDS: &str =
    concat!("SELECT ", managed_user_columns!(), " FROM users WHERE deleted_at IS NULL AND id IN (");

/// The most ids per statement: a page of the largest size takes a few. A power of two.
const IDS: usize = 128;

pub(in crate::store) async fn by_login(
    connection: &mut Connection,
    name: &LoginName,
) -> Result<Option<ManagedUser>> {
    let (sql, key) = match name {
        LoginName::Username(key) => (BY_USERNAME, key),
        LoginName::Email(key) => (BY_EMAIL, key),
    };
    let row: Option<ManagedUserRow> =
        sqlx::query_as(sql).bind(key).fetch_optional(connection).await?;
    row.map(TryInto::try_into).transpose()
}

pub(in crate::store) async fn by_ids(
    connection: &mut Connection,
    ids: &[Uuid],
) -> Result<Vec<ManagedUser>> {
    let mut found = Vec::with_capacity(ids.len());
    for ids in ids.chunks(IDS) {
        let mut statement = QueryBuilder::<<Connection as sqlx::Connection>::Database>::new(BY_IDS);
        let mut list = statement.separated(", ");
        // Some ids stand twice, so that there are few statements to keep. One that is not kept has no name, and outside a
        // transaction a pooler may run it on another connection than the one that has parsed it (26000).
        for id in ids.iter().cycle().take(ids.len().next_power_of_two()) {
            list.push_bind(*id);
        }
        list.push_unseparated(")");
        let rows: Vec<ManagedUserRow> =
            statement.build_query_as().fetch_all(&mut *connection).await?;
        for row in rows {
            found.push(row.try_into()?);
        }
    }
    Ok(found)
}
