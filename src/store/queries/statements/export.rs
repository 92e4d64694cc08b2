//! Exports of users, range by range.

use uuid::Uuid;

use super::{
    Connection,
    users::{self, json_object, user_columns},
};
use crate::{
    domain::Timestamp,
    store::{Credentials, Error, ExportedUser, Result, SealedTotp},
};

/// Of the index alone: rows of deleted users count as well.
const END: &str = "SELECT id FROM users WHERE id > $1 ORDER BY id LIMIT 1 OFFSET $2";

const RANGE: &str = concat!(
    "SELECT ",
    user_columns!(),
    ", users.metadata, users.last_login_at, totp_factors.id AS app_id, totp_factors.sealed_secret FROM users \
     LEFT JOIN totp_factors ON totp_factors.user_id = users.id AND totp_factors.confirmed_at IS NOT NULL \
     WHERE users.id > $1 AND users.id <= $2 AND users.deleted_at IS NULL ORDER BY users.id"
);

pub(in crate::store) async fn end(
    connection: &mut Connection,
    after: Uuid,
    rows: u32,
) -> Result<Option<Uuid>> {
    let end = sqlx::query_scalar(END).bind(after).bind(i64::from(rows.saturating_sub(1)));
    Ok(end.fetch_optional(connection).await?)
}

pub(in crate::store) async fn range(
    connection: &mut Connection,
    after: Uuid,
    until: Uuid,
) -> Result<Vec<ExportedUser>> {
    let rows = sqlx::query_as(RANGE).bind(after).bind(until);
    let rows: Vec<ExportedRow> = rows.fetch_all(connection).await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

#[derive(sqlx::FromRow)]
struct ExportedRow {
    #[sqlx(flatten)]
    user: users::UserRow,
    metadata: Option<String>,
    last_login_at: Option<Timestamp>,
    app_id: Option<Uuid>,
    sealed_secret: Option<Vec<u8>>,
}

impl TryFrom<ExportedRow> for ExportedUser {
    type Error = Error;

    fn try_from(row: ExportedRow) -> Result<Self> {
        let Credentials { user, password_hash, .. } = row.user.try_into()?;
        let app = row.app_id.zip(row.sealed_secret);
        Ok(Self {
            user,
            metadata: json_object(row.metadata, "users.metadata")?,
            password_hash,
            totp: app.map(|(id, sealed_secret)| SealedTotp { id, sealed_secret }),
            last_login_at: row.last_login_at,
        })
    }
}
