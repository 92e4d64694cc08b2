//! Signing keys, encrypted.

use async_trait::async_trait;
use uuid::Uuid;

use super::{Backend, Connection};
use crate::{
    domain::Timestamp,
    store::{Result, SealedKey, SigningKeys},
};

#[async_trait]
impl SigningKeys for Backend {
    async fn signing_key_active(&self, algorithm: &str) -> Result<Option<SealedKey>> {
        let row: Option<(Uuid, String, Vec<u8>, Timestamp)> = sqlx::query_as(
            "SELECT id, algorithm, sealed_private_key, created_at FROM signing_keys \
             WHERE algorithm = $1 AND active",
        )
        .bind(algorithm)
        .fetch_optional(self.reader())
        .await?;
        Ok(row.map(|(id, algorithm, sealed_private_key, created_at)| SealedKey {
            id,
            algorithm,
            sealed_private_key,
            created_at,
        }))
    }

    async fn signing_key_create(&self, key: SealedKey) -> Result<bool> {
        self.write(key, |connection, key| Box::pin(insert(connection, key))).await
    }
}

async fn insert(connection: &mut Connection, key: &SealedKey) -> Result<bool> {
    let added = sqlx::query(
        "INSERT INTO signing_keys (id, algorithm, sealed_private_key, active, created_at) \
         VALUES ($1, $2, $3, TRUE, $4) ON CONFLICT DO NOTHING RETURNING id",
    )
    .bind(key.id)
    .bind(&key.algorithm)
    .bind(&key.sealed_private_key)
    .bind(key.created_at)
    .fetch_optional(connection)
    .await?;
    Ok(added.is_some())
}
