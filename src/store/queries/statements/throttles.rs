//! Counted attempts, which rate limits against brute force go by: charged before any evaluation, refunded where none
//! failed.

use sqlx::QueryBuilder;

use super::{Connection, Database};
use crate::{
    domain::{MAX_FAILURES_IN_A_ROW, Throttle, Timestamp},
    store::{Admission, Budgets, Charge, Error, Result, Settled, column::count},
};

type Key = [u8; 32];

pub(in crate::store) async fn read(
    connection: &mut Connection,
    charges: &[Charge],
) -> Result<Budgets> {
    // Without limits nothing is counted, and an empty list is no valid SQL.
    if charges.is_empty() {
        return Ok(Budgets::default());
    }
    let mut statement = QueryBuilder::<Database>::new(
        "SELECT key, failures, last_at, next_allowed_at, expires_at FROM throttles WHERE key IN (",
    );
    let mut keys = statement.separated(", ");
    for charge in charges {
        keys.push_bind(charge.key.to_vec());
    }
    keys.push_unseparated(")");
    collect(statement.build_query_as().fetch_all(connection).await?)
}

/// As [`Throttles::throttle_charge`], within a transaction.
pub(in crate::store) async fn charge(
    connection: &mut Connection,
    charges: &[Charge],
    now: Timestamp,
) -> Result<Admission> {
    let keys: Vec<_> = charges.iter().map(|charge| charge.key).collect();
    let found = lock(connection, keys.clone()).await?;
    let admission = found.admission(charges, now);
    match &admission {
        Admission::Charged(charged) => {
            let after = charged.iter().map(|charged| charged.after);
            update(connection, keys.into_iter().zip(after).collect()).await?;
        }
        Admission::Refused { .. } => {
            let made = keys.into_iter().filter(|key| found.0[key].failures == 0);
            delete(connection, made.collect()).await?;
        }
    }
    Ok(admission)
}

/// Deletes failures, unless so many in a row that a password alone is not enough, and refunds attempts.
pub(in crate::store) async fn settle(connection: &mut Connection, settled: &Settled) -> Result<()> {
    let forgotten = settled.forget.iter().map(|(key, _)| *key);
    let given_back = settled.give_back.iter().map(|(charge, _)| charge.key);
    let found = lock(connection, forgotten.chain(given_back).collect()).await?;
    let (mut left, mut gone) = (Vec::new(), Vec::new());
    for (key, successes) in &settled.forget {
        let is_few = |found: &Throttle| found.failures < MAX_FAILURES_IN_A_ROW + successes;
        gone.extend(found.0.get(key).filter(|found| is_few(found)).map(|_few| *key));
    }
    for (Charge { key, rule }, charged) in &settled.give_back {
        let Some(throttle) = found.0.get(key) else { continue };
        match rule.take_back(charged.as_ref(), *throttle) {
            Some(rest) => left.push((*key, rest)),
            None => gone.push(*key),
        }
    }
    update(connection, left).await?;
    delete(connection, gone).await
}

/// Locks rows until the transaction ends, and inserts missing ones without attempts: rivals see what this transaction
/// leaves (race). In key order, so that two transactions never wait for each other (deadlock).
async fn lock(connection: &mut Connection, mut keys: Vec<Key>) -> Result<Budgets> {
    if keys.is_empty() {
        return Ok(Budgets::default());
    }
    keys.sort_unstable();
    let mut statement = QueryBuilder::<Database>::new(
        "INSERT INTO throttles (key, failures, last_at, next_allowed_at, expires_at) ",
    );
    let never = Timestamp::from_unix_micros(0);
    statement.push_values(keys, |mut row, key| {
        row.push_bind(key.to_vec()).push_bind(0).push_bind(never).push_bind(never).push_bind(never);
    });
    statement.push(
        " ON CONFLICT (key) DO UPDATE SET key = excluded.key \
         RETURNING key, failures, last_at, next_allowed_at, expires_at",
    );
    collect(statement.build_query_as().fetch_all(connection).await?)
}

/// Updates locked rows.
async fn update(connection: &mut Connection, rows: Vec<(Key, Throttle)>) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let mut statement = QueryBuilder::<Database>::new(
        "INSERT INTO throttles (key, failures, last_at, next_allowed_at, expires_at) ",
    );
    statement.push_values(rows, |mut row, (key, throttle)| {
        row.push_bind(key.to_vec())
            .push_bind(count(throttle.failures))
            .push_bind(throttle.last_at)
            .push_bind(throttle.next_allowed_at)
            .push_bind(throttle.expires_at);
    });
    statement.push(
        " ON CONFLICT (key) DO UPDATE SET failures = excluded.failures, last_at = excluded.last_at, \
         next_allowed_at = excluded.next_allowed_at, expires_at = excluded.expires_at",
    );
    statement.build().execute(connection).await?;
    Ok(())
}

/// Deletes all rows whose keys begin with a subject: a range of the primary key.
pub(super) async fn forget_subjects(
    connection: &mut Connection,
    subjects: &[[u8; 16]],
) -> Result<()> {
    for subject in subjects {
        let [first, last] = [[0; 16], [0xff; 16]].map(|rest| [*subject, rest].concat());
        sqlx::query("DELETE FROM throttles WHERE key >= $1 AND key <= $2")
            .bind(first)
            .bind(last)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

async fn delete(connection: &mut Connection, keys: Vec<Key>) -> Result<()> {
    for key in keys {
        sqlx::query("DELETE FROM throttles WHERE key = $1")
            .bind(key.as_slice())
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

fn collect(rows: Vec<ThrottleRow>) -> Result<Budgets> {
    rows.into_iter().map(ThrottleRow::parse).collect::<Result<_>>().map(Budgets)
}

#[derive(sqlx::FromRow)]
struct ThrottleRow {
    key: Vec<u8>,
    failures: i32,
    last_at: Timestamp,
    next_allowed_at: Timestamp,
    expires_at: Timestamp,
}

impl ThrottleRow {
    fn parse(self) -> Result<(Key, Throttle)> {
        let key = self.key.try_into().map_err(|_length| Error::Corrupt("throttles.key"))?;
        let failures = u32::try_from(self.failures);
        Ok((
            key,
            Throttle {
                failures: failures.map_err(|_negative| Error::Corrupt("throttles.failures"))?,
                last_at: self.last_at,
                next_allowed_at: self.next_allowed_at,
                expires_at: self.expires_at,
            },
        ))
    }
}
