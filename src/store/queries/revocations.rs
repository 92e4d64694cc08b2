//! Revocations, numbered in the order of their commits.

use super::{Backend, Connection};
use crate::{
    domain::{Revocation, Revoked},
    store::Result,
};

/// Adds revocations to a transaction, as its last statements: from here on it holds the row that numbers them, and every
/// other transaction that revokes waits for its commit. That is what keeps numbers and commits in one order.
pub(super) async fn append(connection: &mut Connection, revocations: &[Revocation]) -> Result<()> {
    if revocations.is_empty() {
        return Ok(());
    }
    let count = i64::try_from(revocations.len()).unwrap_or(i64::MAX);
    let last: i64 =
        sqlx::query_scalar("UPDATE revocation_head SET seq = seq + $1 WHERE id = 1 RETURNING seq")
            .bind(count)
            .fetch_one(&mut *connection)
            .await?;
    for (seq, revocation) in (last - count + 1..).zip(revocations) {
        insert(connection, seq, revocation).await?;
    }
    Backend::announce_revocations(connection).await
}

async fn insert(connection: &mut Connection, seq: i64, revocation: &Revocation) -> Result<()> {
    let (session_id, user_id) = match revocation.subject {
        Revoked::Session(id) => (Some(id), None),
        Revoked::User(id) => (None, Some(id)),
    };
    sqlx::query(
        "INSERT INTO revocations (seq, session_id, user_id, not_before, expires_at) \
         VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(seq)
    .bind(session_id)
    .bind(user_id)
    .bind(revocation.not_before)
    .bind(revocation.expires_at)
    .execute(connection)
    .await?;
    Ok(())
}
