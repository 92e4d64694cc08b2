//! Keys of service accounts, and what has become of their tokens.

use uuid::Uuid;

use super::{
    Connection, events, revocations,
    service_account_row::{AccountRow, account_columns},
};
use crate::{
    domain::{EventKind, Revocation, Revoked, ServiceAccount, ServiceAccountId, Timestamp},
    store::{NewServiceKey, Result, Revoking, ServiceKey},
};

/// By the unique digest. The comparison is an index's: what it could tell about a digest tells nothing of the key.
const BY_DIGEST: &str = concat!(
    "SELECT service_keys.id AS key_id, service_keys.created_at AS key_created_at, service_keys.expires_at, \
     service_keys.last_used_at, ",
    account_columns!(),
    " FROM service_keys JOIN service_accounts ON service_accounts.id = service_keys.account_id \
     WHERE service_keys.digest = $1"
);

const OF_TOKEN: &str = concat!(
    "SELECT ",
    account_columns!(),
    " FROM service_accounts WHERE id = $1 \
     AND NOT EXISTS (SELECT 1 FROM revocations WHERE token_id = $2)"
);

/// Adds a key, unless there are `most`. The account's row is locked first: of concurrent callers each counts what the
/// others have added.
pub(in crate::store) async fn create(
    connection: &mut Connection,
    key: &NewServiceKey,
    most: u32,
    at: &Revoking,
) -> Result<bool> {
    let held = sqlx::query("UPDATE service_accounts SET epoch = epoch WHERE id = $1 RETURNING id")
        .bind(key.account_id.0)
        .fetch_optional(&mut *connection)
        .await?;
    let live: i64 = sqlx::query_scalar(
        "SELECT COUNT(*) FROM service_keys WHERE account_id = $1 AND (expires_at IS NULL OR expires_at > $2)",
    )
    .bind(key.account_id.0)
    .bind(at.now)
    .fetch_one(&mut *connection)
    .await?;
    if held.is_none() || live >= i64::from(most) {
        return Ok(false);
    }
    insert(connection, key, at).await?;
    Ok(true)
}

pub(super) async fn insert(
    connection: &mut Connection,
    key: &NewServiceKey,
    at: &Revoking,
) -> Result<()> {
    sqlx::query(
        "INSERT INTO service_keys (id, account_id, digest, created_at, expires_at) VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(key.id)
    .bind(key.account_id.0)
    .bind(key.digest.as_slice())
    .bind(key.created_at)
    .bind(key.expires_at)
    .execute(&mut *connection)
    .await?;
    events::put_about(connection, EventKind::ServiceKeyCreated, key.account_id, at).await
}

pub(in crate::store) async fn all(
    connection: &mut Connection,
    id: ServiceAccountId,
) -> Result<Vec<ServiceKey>> {
    let rows: Vec<KeyRow> = sqlx::query_as(
        "SELECT id AS key_id, created_at AS key_created_at, expires_at, last_used_at FROM service_keys \
         WHERE account_id = $1 ORDER BY created_at, id",
    )
    .bind(id.0)
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(Into::into).collect())
}

pub(in crate::store) async fn delete(
    connection: &mut Connection,
    id: ServiceAccountId,
    key_id: Uuid,
    at: &Revoking,
) -> Result<bool> {
    let deleted =
        sqlx::query("DELETE FROM service_keys WHERE id = $1 AND account_id = $2 RETURNING id")
            .bind(key_id)
            .bind(id.0)
            .fetch_optional(&mut *connection)
            .await?;
    if deleted.is_some() {
        events::put_about(connection, EventKind::ServiceKeyRevoked, id, at).await?;
    }
    Ok(deleted.is_some())
}

pub(in crate::store) async fn find(
    connection: &mut Connection,
    digest: &[u8; 32],
) -> Result<Option<(ServiceKey, ServiceAccount)>> {
    let row: Option<KeyedRow> =
        sqlx::query_as(BY_DIGEST).bind(digest.as_slice()).fetch_optional(connection).await?;
    row.map(|row| Ok((row.key.into(), row.account.try_into()?))).transpose()
}

pub(in crate::store) async fn used(
    connection: &mut Connection,
    key_id: Uuid,
    at: Timestamp,
) -> Result<()> {
    sqlx::query(
        "UPDATE service_keys SET last_used_at = $2 WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < $2)",
    )
    .bind(key_id)
    .bind(at)
    .execute(connection)
    .await?;
    Ok(())
}

pub(in crate::store) async fn account_of_token(
    connection: &mut Connection,
    id: ServiceAccountId,
    token_id: Uuid,
) -> Result<Option<ServiceAccount>> {
    let row: Option<AccountRow> =
        sqlx::query_as(OF_TOKEN).bind(id.0).bind(token_id).fetch_optional(connection).await?;
    row.map(TryInto::try_into).transpose()
}

pub(in crate::store) async fn revoke_token(
    connection: &mut Connection,
    id: ServiceAccountId,
    token_id: Uuid,
    at: &Revoking,
) -> Result<bool> {
    let before: Option<i64> =
        sqlx::query_scalar("SELECT seq FROM revocations WHERE token_id = $1 LIMIT 1")
            .bind(token_id)
            .fetch_optional(&mut *connection)
            .await?;
    if before.is_some() {
        return Ok(false);
    }
    events::put_about(connection, EventKind::ServiceTokenRevoked, id, at).await?;
    let (subject, not_before) = (Revoked::Token(token_id), at.now);
    let revocation = Revocation { subject, not_before, expires_at: at.tokens_expire_at };
    revocations::append(connection, &[revocation]).await?;
    Ok(true)
}

#[derive(sqlx::FromRow)]
struct KeyedRow {
    #[sqlx(flatten)]
    key: KeyRow,
    #[sqlx(flatten)]
    account: AccountRow,
}

#[derive(sqlx::FromRow)]
struct KeyRow {
    key_id: Uuid,
    key_created_at: Timestamp,
    expires_at: Option<Timestamp>,
    last_used_at: Option<Timestamp>,
}

impl From<KeyRow> for ServiceKey {
    fn from(row: KeyRow) -> Self {
        Self {
            id: row.key_id,
            created_at: row.key_created_at,
            expires_at: row.expires_at,
            last_used_at: row.last_used_at,
        }
    }
}
