//! Assertions that were shown once (replay).

use std::time::Duration;

use super::Connection;
use crate::{
    domain::Timestamp,
    store::{NewAssertion, Result},
};

/// The row of a restored database: no digest is all zeros. It says when that was.
const RESTORED: [u8; 32] = [0; 32];

/// How long the row of a restored database is kept. No assertion lives as long.
const RESTORED_FOR: Duration = Duration::from_secs(2 * 60 * 60);

/// Of a database that was restored no assertion from before counts: the rows that were written between the back-up and the restore
/// are lost.
const PUT: &str = "INSERT INTO used_assertions (digest, expires_at) SELECT $1, $2 \
     WHERE NOT EXISTS (SELECT 1 FROM used_assertions WHERE digest = $3 AND expires_at >= $4) \
     ON CONFLICT DO NOTHING RETURNING digest";

/// Whether it is shown for the first time. Of concurrent callers one inserts the row (race).
pub(in crate::store) async fn put(
    connection: &mut Connection,
    assertion: &NewAssertion,
) -> Result<bool> {
    let new = sqlx::query(PUT)
        .bind(assertion.digest.as_slice())
        .bind(assertion.expires_at)
        .bind(RESTORED.as_slice())
        .bind(assertion.issued_at.plus(RESTORED_FOR))
        .fetch_optional(connection)
        .await?;
    Ok(new.is_some())
}

/// Whether it was shown before.
pub(in crate::store) async fn is_used(
    connection: &mut Connection,
    digest: &[u8; 32],
) -> Result<bool> {
    let found: Option<Timestamp> =
        sqlx::query_scalar("SELECT expires_at FROM used_assertions WHERE digest = $1")
            .bind(digest.as_slice())
            .fetch_optional(connection)
            .await?;
    Ok(found.is_some())
}

/// Refuses all assertions of before that time, which was that of a restore.
pub(super) async fn end(connection: &mut Connection, now: Timestamp) -> Result<()> {
    sqlx::query(
        "INSERT INTO used_assertions (digest, expires_at) VALUES ($1, $2) \
         ON CONFLICT (digest) DO UPDATE SET expires_at = excluded.expires_at",
    )
    .bind(RESTORED.as_slice())
    .bind(now.plus(RESTORED_FOR))
    .execute(connection)
    .await?;
    Ok(())
}
