//! The outbox: written by the transactions that cause messages, emptied by those who send them.

use async_trait::async_trait;
use uuid::Uuid;

use super::{Backend, Connection};
use crate::{
    domain::Timestamp,
    store::{ClaimedMessage, Outbox, OutboxState, Result, SealedMessage},
};

#[async_trait]
impl Outbox for Backend {
    async fn outbox_state(&self, now: Timestamp) -> Result<OutboxState> {
        let (waiting, due) = sqlx::query_as(
            "SELECT COUNT(*), COUNT(CASE WHEN next_try_at <= $1 THEN 1 END) FROM outbox",
        )
        .bind(now)
        .fetch_one(self.reader())
        .await?;
        Ok(OutboxState { waiting, due })
    }

    async fn outbox_claim(
        &self,
        now: Timestamp,
        until: Timestamp,
        most: usize,
    ) -> Result<Vec<ClaimedMessage>> {
        self.write((now, until, most), |connection, (now, until, most)| {
            Box::pin(claim(connection, *now, *until, *most))
        })
        .await
    }

    async fn outbox_postpone(&self, id: Uuid, tries: i32, until: Timestamp) -> Result<()> {
        self.write((id, tries, until), |connection, (id, tries, until)| {
            Box::pin(postpone(connection, *id, *tries, *until))
        })
        .await
    }

    async fn outbox_remove(&self, id: Uuid) -> Result<()> {
        self.write(id, |connection, id| Box::pin(remove(connection, *id))).await
    }
}

/// Adds messages to a transaction: they are sent if it commits, and never were if it does not.
pub(super) async fn put(connection: &mut Connection, messages: &[SealedMessage]) -> Result<()> {
    for message in messages {
        sqlx::query(
            "INSERT INTO outbox (id, sealed_message, created_at, next_try_at, tries, expires_at) \
             VALUES ($1, $2, $3, $3, 0, $4)",
        )
        .bind(message.id)
        .bind(&message.sealed)
        .bind(message.created_at)
        .bind(message.expires_at)
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

/// The outer condition is the one that counts: of two who chose the same row, the second finds that it is no longer due.
/// What has never been tried goes first: a backlog that keeps failing does not hold up new codes.
async fn claim(
    connection: &mut Connection,
    now: Timestamp,
    until: Timestamp,
    most: usize,
) -> Result<Vec<ClaimedMessage>> {
    let rows: Vec<ClaimedRow> = sqlx::query_as(
        "UPDATE outbox SET next_try_at = $2, tries = tries + 1 WHERE next_try_at <= $1 AND id IN \
         (SELECT id FROM outbox WHERE next_try_at <= $1 ORDER BY tries, next_try_at LIMIT $3) \
         RETURNING id, sealed_message, tries, expires_at",
    )
    .bind(now)
    .bind(until)
    .bind(i64::try_from(most).unwrap_or(i64::MAX))
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(Into::into).collect())
}

/// The number of tries is what tells whether the row is still the caller's: whoever claimed it later counted on.
async fn postpone(
    connection: &mut Connection,
    id: Uuid,
    tries: i32,
    until: Timestamp,
) -> Result<()> {
    sqlx::query("UPDATE outbox SET next_try_at = $3 WHERE id = $1 AND tries = $2")
        .bind(id)
        .bind(tries)
        .bind(until)
        .execute(connection)
        .await?;
    Ok(())
}

pub(super) async fn remove(connection: &mut Connection, id: Uuid) -> Result<()> {
    sqlx::query("DELETE FROM outbox WHERE id = $1").bind(id).execute(connection).await?;
    Ok(())
}

#[derive(sqlx::FromRow)]
struct ClaimedRow {
    id: Uuid,
    sealed_message: Vec<u8>,
    tries: i32,
    expires_at: Timestamp,
}

impl From<ClaimedRow> for ClaimedMessage {
    fn from(row: ClaimedRow) -> Self {
        let ClaimedRow { id, sealed_message: sealed, tries, expires_at } = row;
        Self { id, sealed, tries, expires_at }
    }
}
