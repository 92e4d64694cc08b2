//! Signing keys, encrypted.

use uuid::Uuid;

use super::{Connection, revocations};
use crate::{
    domain::{Revocation, Revoked, Timestamp},
    store::{Result, Revoking, SealedKey},
};

pub(in crate::store) async fn all(connection: &mut Connection) -> Result<Vec<SealedKey>> {
    // Keys of the release without rotation sign from the beginning.
    let rows: Vec<KeyRow> = sqlx::query_as(
        "SELECT id, algorithm, generation, sealed_private_key, created_at, \
         COALESCE(signs_from, created_at) AS signs_from, retired_at FROM signing_keys \
         ORDER BY algorithm, generation",
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(SealedKey::from).collect())
}

pub(in crate::store) async fn is_unretired(connection: &mut Connection, id: Uuid) -> Result<bool> {
    let found: Option<Uuid> =
        sqlx::query_scalar("SELECT id FROM signing_keys WHERE id = $1 AND retired_at IS NULL")
            .bind(id)
            .fetch_optional(connection)
            .await?;
    Ok(found.is_some())
}

/// Adds a key, unless there is one of its algorithm and generation. Returns whether it did: of concurrent replicas one
/// does (race).
pub(in crate::store) async fn insert(connection: &mut Connection, key: &SealedKey) -> Result<bool> {
    let added = sqlx::query(
        "INSERT INTO signing_keys (id, algorithm, generation, sealed_private_key, active, created_at, signs_from, \
         retired_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING RETURNING id",
    )
    .bind(key.id)
    .bind(&key.algorithm)
    .bind(key.generation)
    .bind(&key.sealed_private_key)
    // The key that replicas of the release without rotation use.
    .bind(key.generation == 1)
    .bind(key.created_at)
    .bind(key.signs_from)
    .bind(key.retired_at)
    .fetch_optional(connection)
    .await?;
    Ok(added.is_some())
}

pub(in crate::store) async fn retire(
    connection: &mut Connection,
    id: Uuid,
    signer: Uuid,
    at: Revoking,
) -> Result<bool> {
    if !hold(connection, signer).await? || id == signer {
        return Ok(false);
    }
    withdraw(connection, id, at).await
}

pub(in crate::store) async fn replace(
    connection: &mut Connection,
    key: &SealedKey,
    replaced: Uuid,
    at: Revoking,
) -> Result<bool> {
    // Locked first: once the new key is in, nothing may fail any more.
    if !hold(connection, replaced).await? || !insert(connection, key).await? {
        return Ok(false);
    }
    withdraw(connection, replaced, at).await
}

/// Whether a key is not retired. Its row is locked until the commit, against concurrent retirement (race).
async fn hold(connection: &mut Connection, id: Uuid) -> Result<bool> {
    let held = sqlx::query(
        "UPDATE signing_keys SET retired_at = NULL WHERE id = $1 AND retired_at IS NULL RETURNING id",
    )
    .bind(id)
    .fetch_optional(connection)
    .await?;
    Ok(held.is_some())
}

/// Retires a key and appends the revocation, as the last statements of the transaction. Returns whether it was not retired
/// before.
async fn withdraw(connection: &mut Connection, id: Uuid, at: Revoking) -> Result<bool> {
    let retired = sqlx::query(
        "UPDATE signing_keys SET retired_at = $2, active = FALSE WHERE id = $1 AND retired_at IS NULL RETURNING id",
    )
    .bind(id)
    .bind(at.now)
    .fetch_optional(&mut *connection)
    .await?;
    if retired.is_none() {
        return Ok(false);
    }
    let (not_before, expires_at) = (at.now, at.tokens_expire_at);
    let revocation = Revocation { subject: Revoked::Key(id), not_before, expires_at };
    revocations::append(connection, &[revocation]).await?;
    Ok(true)
}

pub(in crate::store) async fn erase(connection: &mut Connection, id: Uuid) -> Result<bool> {
    let erased = sqlx::query(
        "UPDATE signing_keys SET sealed_private_key = $2, active = FALSE \
         WHERE id = $1 AND sealed_private_key <> $2 RETURNING id",
    )
    .bind(id)
    .bind([0_u8; 0].as_slice())
    .fetch_optional(connection)
    .await?;
    Ok(erased.is_some())
}

pub(in crate::store) async fn remove(connection: &mut Connection, id: Uuid) -> Result<bool> {
    let removed = sqlx::query("DELETE FROM signing_keys WHERE id = $1 RETURNING id")
        .bind(id)
        .fetch_optional(connection)
        .await?;
    Ok(removed.is_some())
}

#[derive(sqlx::FromRow)]
struct KeyRow {
    id: Uuid,
    algorithm: String,
    generation: i64,
    sealed_private_key: Vec<u8>,
    created_at: Timestamp,
    signs_from: Timestamp,
    retired_at: Option<Timestamp>,
}

impl From<KeyRow> for SealedKey {
    fn from(row: KeyRow) -> Self {
        Self {
            id: row.id,
            algorithm: row.algorithm,
            generation: row.generation,
            sealed_private_key: row.sealed_private_key,
            created_at: row.created_at,
            signs_from: row.signs_from,
            retired_at: row.retired_at,
        }
    }
}
