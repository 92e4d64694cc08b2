//! Encrypted values for re-encryption: read page by page, and replaced if unchanged (compare-and-set).

use uuid::Uuid;

use super::Connection;
use crate::{
    domain::Timestamp,
    store::{Resealed, Result, SealedColumn, SealedValue, WrappedKey},
};

/// The statements of a column.
struct Statements {
    count: &'static str,
    page: &'static str,
    replace: &'static str,
}

fn statements(column: SealedColumn) -> Statements {
    match column {
        // An erased key has no private part.
        SealedColumn::SigningKeys => Statements {
            count: "SELECT COUNT(*) FROM signing_keys WHERE length(sealed_private_key) > 0",
            page: "SELECT id, sealed_private_key AS sealed FROM signing_keys \
                   WHERE id > $1 AND length(sealed_private_key) > 0 ORDER BY id LIMIT $2",
            replace: "UPDATE signing_keys SET sealed_private_key = $3 \
                      WHERE id = $1 AND sealed_private_key = $2",
        },
        SealedColumn::TotpSecrets => Statements {
            count: "SELECT COUNT(*) FROM totp_factors",
            page: "SELECT id, user_id, sealed_secret AS sealed FROM totp_factors \
                   WHERE id > $1 ORDER BY id LIMIT $2",
            replace: "UPDATE totp_factors SET sealed_secret = $3 \
                      WHERE id = $1 AND sealed_secret = $2",
        },
        SealedColumn::Messages => Statements {
            count: "SELECT COUNT(*) FROM outbox",
            page: "SELECT id, sealed_message AS sealed FROM outbox \
                   WHERE id > $1 ORDER BY id LIMIT $2",
            replace: "UPDATE outbox SET sealed_message = $3 WHERE id = $1 AND sealed_message = $2",
        },
        SealedColumn::SubscriptionSecrets => Statements {
            count: "SELECT COUNT(*) FROM subscriptions",
            page: "SELECT id, sealed_secret AS sealed FROM subscriptions \
                   WHERE id > $1 ORDER BY id LIMIT $2",
            replace: "UPDATE subscriptions SET sealed_secret = $3 \
                      WHERE id = $1 AND sealed_secret = $2",
        },
    }
}

pub(in crate::store) async fn count(
    connection: &mut Connection,
    column: SealedColumn,
) -> Result<u64> {
    let count: i64 = sqlx::query_scalar(statements(column).count).fetch_one(connection).await?;
    Ok(u64::try_from(count).unwrap_or_default())
}

pub(in crate::store) async fn page(
    connection: &mut Connection,
    column: SealedColumn,
    after: Uuid,
    most: u32,
) -> Result<Vec<SealedValue>> {
    let page = sqlx::query_as(statements(column).page).bind(after);
    let rows: Vec<ValueRow> = page.bind(i64::from(most)).fetch_all(connection).await?;
    Ok(rows.into_iter().map(SealedValue::from).collect())
}

pub(in crate::store) async fn wrapped(connection: &mut Connection) -> Result<Vec<WrappedKey>> {
    let rows: Vec<(String, Vec<u8>)> =
        sqlx::query_as("SELECT name, sealed_key FROM wrapped_keys ORDER BY name")
            .fetch_all(connection)
            .await?;
    Ok(rows.into_iter().map(|(name, sealed)| WrappedKey { name, sealed }).collect())
}

pub(in crate::store) async fn create(
    connection: &mut Connection,
    key: &WrappedKey,
    at: Timestamp,
) -> Result<bool> {
    let added = sqlx::query(
        "INSERT INTO wrapped_keys (name, sealed_key, created_at) VALUES ($1, $2, $3) \
         ON CONFLICT DO NOTHING",
    )
    .bind(&key.name)
    .bind(&key.sealed)
    .bind(at)
    .execute(connection)
    .await?;
    Ok(added.rows_affected() == 1)
}

pub(in crate::store) async fn replace_wrapped(
    connection: &mut Connection,
    read: &WrappedKey,
    sealed: &[u8],
) -> Result<bool> {
    let replaced =
        sqlx::query("UPDATE wrapped_keys SET sealed_key = $3 WHERE name = $1 AND sealed_key = $2")
            .bind(&read.name)
            .bind(&read.sealed)
            .bind(sealed)
            .execute(connection)
            .await?;
    Ok(replaced.rows_affected() == 1)
}

/// A value changed or erased since it was read stays as it is.
pub(in crate::store) async fn replace(
    connection: &mut Connection,
    column: SealedColumn,
    resealed: &[Resealed],
) -> Result<u64> {
    let mut replaced = 0;
    for Resealed { id, from, to } in resealed {
        let update = sqlx::query(statements(column).replace).bind(id).bind(from).bind(to);
        replaced += update.execute(&mut *connection).await?.rows_affected();
    }
    Ok(replaced)
}

#[derive(sqlx::FromRow)]
struct ValueRow {
    id: Uuid,
    #[sqlx(default)]
    user_id: Option<Uuid>,
    sealed: Vec<u8>,
}

impl From<ValueRow> for SealedValue {
    fn from(ValueRow { id, user_id, sealed }: ValueRow) -> Self {
        Self { id, user_id, sealed }
    }
}
