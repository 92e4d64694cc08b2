//! Exports of users, page by page.

use uuid::Uuid;

use super::{
    Connection,
    users::{self, json_object, user_columns},
};
use crate::{
    domain::Timestamp,
    store::{Credentials, Error, ExportedUser, Result, SealedTotp},
};

const PAGE: &str = concat!(
    "SELECT ",
    user_columns!(),
    ", users.metadata, users.last_login_at, totp_factors.id AS app_id, totp_factors.sealed_secret FROM users \
     LEFT JOIN totp_factors ON totp_factors.user_id = users.id AND totp_factors.confirmed_at IS NOT NULL \
     WHERE users.id > $1 AND users.deleted_at IS NULL ORDER BY users.id LIMIT $2"
);

pub(in crate::store) async fn page(
    connection: &mut Connection,
    after: Uuid,
    most: u32,
) -> Result<Vec<ExportedUser>> {
    let rows = sqlx::query_as(PAGE).bind(after).bind(i64::from(most));
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
