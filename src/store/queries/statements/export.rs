//! Exports of users, range by range.

use uuid::Uuid;

use super::{
    Connection,
    users::{json_object, roles_of},
};
use crate::{
    domain::{Timestamp, User},
    store::{Error, ExportedUser, Result, SealedTotp},
};

/// Of the index alone: rows of deleted users count as well.
const END: &str = "SELECT id FROM users WHERE id > $1 ORDER BY id LIMIT 1 OFFSET $2";

/// What an export shows, and no other column: the rows are what it costs.
const RANGE: &str = "SELECT users.id, users.username, users.email, users.email_verified, users.password_hash, \
    users.is_2fa_enabled, users.roles, users.claims, users.metadata, users.disabled_at, users.created_at, \
    totp_factors.id AS app_id, totp_factors.sealed_secret FROM users \
    LEFT JOIN totp_factors ON totp_factors.user_id = users.id AND totp_factors.confirmed_at IS NOT NULL \
    WHERE users.id > $1 AND users.id <= $2 AND users.deleted_at IS NULL ORDER BY users.id";

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
    id: Uuid,
    username: String,
    email: String,
    email_verified: bool,
    password_hash: String,
    is_2fa_enabled: bool,
    roles: String,
    claims: Option<String>,
    metadata: Option<String>,
    disabled_at: Option<Timestamp>,
    created_at: Timestamp,
    app_id: Option<Uuid>,
    sealed_secret: Option<Vec<u8>>,
}

impl TryFrom<ExportedRow> for ExportedUser {
    type Error = Error;

    fn try_from(row: ExportedRow) -> Result<Self> {
        let app = row.app_id.zip(row.sealed_secret);
        Ok(Self {
            user: User {
                id: row.id,
                username: row.username,
                email: row.email,
                is_2fa_enabled: row.is_2fa_enabled,
                email_verified: row.email_verified,
                roles: roles_of(&row.roles),
                claims: json_object(row.claims, "users.claims")?,
                disabled_at: row.disabled_at,
                created_at: row.created_at,
            },
            metadata: json_object(row.metadata, "users.metadata")?,
            password_hash: row.password_hash,
            totp: app.map(|(id, sealed_secret)| SealedTotp { id, sealed_secret }),
        })
    }
}
