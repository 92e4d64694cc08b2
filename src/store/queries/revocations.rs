//! Revocations, numbered in the order of their commits.

use async_trait::async_trait;
use uuid::Uuid;

use super::{Backend, Connection};
use crate::{
    domain::{Revocation, Revoked, Timestamp},
    store::{Error, NumberedRevocation, Result, Revocations},
};

#[async_trait]
impl Revocations for Backend {
    async fn revocation_head(&self) -> Result<i64> {
        Ok(sqlx::query_scalar("SELECT seq FROM revocation_head WHERE id = 1")
            .fetch_one(self.reader())
            .await?)
    }

    async fn revocations_after(
        &self,
        seq: i64,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<NumberedRevocation>> {
        let rows: Vec<RevocationRow> = sqlx::query_as(
            "SELECT * FROM revocations WHERE seq > $1 AND expires_at > $2 ORDER BY seq LIMIT $3",
        )
        .bind(seq)
        .bind(now)
        .bind(i64::from(limit))
        .fetch_all(self.reader())
        .await?;
        rows.into_iter().map(TryInto::try_into).collect()
    }
}

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

#[derive(sqlx::FromRow)]
struct RevocationRow {
    seq: i64,
    session_id: Option<Uuid>,
    user_id: Option<Uuid>,
    not_before: Timestamp,
    expires_at: Timestamp,
}

impl TryFrom<RevocationRow> for NumberedRevocation {
    type Error = Error;

    fn try_from(row: RevocationRow) -> Result<Self> {
        let subject = match (row.session_id, row.user_id) {
            (Some(id), None) => Revoked::Session(id),
            (None, Some(id)) => Revoked::User(id),
            (None, None) | (Some(_), Some(_)) => return Err(Error::Corrupt("revocations.*_id")),
        };
        let RevocationRow { seq, not_before, expires_at, .. } = row;
        Ok(Self { seq, revocation: Revocation { subject, not_before, expires_at } })
    }
}
