//! Counted attempts: charged before anything is evaluated, taken back where it turns out that none was made.

use async_trait::async_trait;

use super::{Backend, Connection};
use crate::{
    domain::{Charged, MAX_FAILURES_IN_A_ROW, Throttle, ThrottleRule, Timestamp},
    store::{Admission, Error, Result, Throttles, column::count},
};

#[async_trait]
impl Throttles for Backend {
    async fn throttle_charge(
        &self,
        key: [u8; 32],
        rule: ThrottleRule,
        now: Timestamp,
    ) -> Result<Admission> {
        let row: Option<ThrottleRow> = sqlx::query_as("SELECT * FROM throttles WHERE key = $1")
            .bind(key.as_slice())
            .fetch_optional(self.reader())
            .await?;
        let seen = row.map(TryInto::try_into).transpose()?;
        // Most of a flood gets no further than this: it does not queue for the one writer that SQLite has.
        if let Err(until) = rule.charge(seen, now) {
            return Ok(Admission::Refused(until));
        }
        self.write((key, rule, now), |connection, (key, rule, now)| {
            Box::pin(charge(connection, key, *rule, *now))
        })
        .await
    }

    async fn throttle_take_back(
        &self,
        key: [u8; 32],
        rule: ThrottleRule,
        charged: Charged,
    ) -> Result<()> {
        self.write((key, rule, charged), |connection, (key, rule, charged)| {
            Box::pin(take_back(connection, key, *rule, charged))
        })
        .await
    }

    async fn throttle_forget(&self, key: [u8; 32]) -> Result<()> {
        self.write(key, |connection, key| Box::pin(forget(connection, key, 0))).await
    }
}

async fn charge(
    connection: &mut Connection,
    key: &[u8],
    rule: ThrottleRule,
    now: Timestamp,
) -> Result<Admission> {
    // Locks the row, and makes it where there is none: rivals see what this attempt leaves. A new one has expired.
    let row: ThrottleRow = sqlx::query_as(
        "INSERT INTO throttles (key, failures, last_at, next_allowed_at, expires_at) \
         VALUES ($1, 0, $2, $2, $2) ON CONFLICT (key) DO UPDATE SET key = excluded.key RETURNING *",
    )
    .bind(key)
    .bind(now)
    .fetch_one(&mut *connection)
    .await?;
    match rule.charge(Some(row.try_into()?), now) {
        Err(until) => Ok(Admission::Refused(until)),
        Ok(charged) => {
            update(connection, key, &charged.after).await?;
            Ok(Admission::Charged(charged))
        }
    }
}

async fn take_back(
    connection: &mut Connection,
    key: &[u8],
    rule: ThrottleRule,
    charged: &Charged,
) -> Result<()> {
    let locked: Option<ThrottleRow> =
        sqlx::query_as("UPDATE throttles SET key = key WHERE key = $1 RETURNING *")
            .bind(key)
            .fetch_optional(&mut *connection)
            .await?;
    // It is gone where all has been forgotten since.
    let Some(found) = locked else { return Ok(()) };
    match rule.take_back(charged, found.try_into()?) {
        Some(left) => update(connection, key, &left).await,
        None => delete(connection, key).await,
    }
}

async fn update(connection: &mut Connection, key: &[u8], throttle: &Throttle) -> Result<()> {
    sqlx::query(
        "UPDATE throttles SET failures = $2, last_at = $3, next_allowed_at = $4, expires_at = $5 \
         WHERE key = $1",
    )
    .bind(key)
    .bind(count(throttle.failures))
    .bind(throttle.last_at)
    .bind(throttle.next_allowed_at)
    .bind(throttle.expires_at)
    .execute(connection)
    .await?;
    Ok(())
}

/// Forgets failures, unless there are so many in a row that a password alone opens nothing. `successes` are attempts that
/// count among them and did not fail.
pub(super) async fn forget(connection: &mut Connection, key: &[u8], successes: u32) -> Result<()> {
    sqlx::query("DELETE FROM throttles WHERE key = $1 AND failures < $2")
        .bind(key)
        .bind(i64::from(MAX_FAILURES_IN_A_ROW + successes))
        .execute(connection)
        .await?;
    Ok(())
}

async fn delete(connection: &mut Connection, key: &[u8]) -> Result<()> {
    sqlx::query("DELETE FROM throttles WHERE key = $1").bind(key).execute(connection).await?;
    Ok(())
}

#[derive(sqlx::FromRow)]
struct ThrottleRow {
    failures: i32,
    last_at: Timestamp,
    next_allowed_at: Timestamp,
    expires_at: Timestamp,
}

impl TryFrom<ThrottleRow> for Throttle {
    type Error = Error;

    fn try_from(row: ThrottleRow) -> Result<Self> {
        Ok(Self {
            failures: u32::try_from(row.failures)
                .map_err(|_negative| Error::Corrupt("throttles.failures"))?,
            last_at: row.last_at,
            next_allowed_at: row.next_allowed_at,
            expires_at: row.expires_at,
        })
    }
}
