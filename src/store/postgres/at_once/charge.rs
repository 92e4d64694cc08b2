//! The charge of an attempt to budgets that have just been read.

use std::collections::HashMap;

use sqlx::{
    FromRow as _, PgConnection, Row as _,
    postgres::{PgRow, types::PgInterval},
};

use super::{
    AtOnce, Query,
    columns::{Throttles, interval},
    settle::{Refunds, SETTLE},
    statements::throttles::ThrottleRow,
};
use crate::{
    domain::{CLOCK_SKEW, Charged, Throttle, Timestamp},
    store::{Admission, Budgets, Charge, Result, Settled},
};

/// Charges all budgets at $1, if each is as it was seen when the rules decided what becomes of it. For leaky buckets, in
/// which all callers of a source or of the service meet, it is enough that they have room: what they become is counted here,
/// by the rule of `Bucket` (`domain/throttle.rs`).
///
/// Rows are locked in the order of their keys (deadlock). One that a rival has inserted since the snapshot is left alone, and
/// missing in the answer.
const CHARGE: &str = "WITH asked AS (SELECT key, leaks, tolerance, \
     seen_failures, seen_last_at, seen_next_allowed_at, seen_expires_at, failures, last_at, next_allowed_at, expires_at \
     FROM unnest($2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) AS asked (key, leaks, tolerance, \
     seen_failures, seen_last_at, seen_next_allowed_at, seen_expires_at, failures, last_at, next_allowed_at, expires_at)), \
     budgets AS (SELECT key, failures, last_at, next_allowed_at, expires_at, GREATEST(last_at, $1) AS now FROM throttles \
     WHERE key = ANY ($2) ORDER BY key FOR UPDATE), \
     changed AS (SELECT asked.key FROM asked LEFT JOIN budgets ON budgets.key = asked.key WHERE CASE \
     WHEN budgets.key IS NULL THEN seen_failures IS NOT NULL \
     WHEN leaks IS NOT NULL THEN budgets.last_at > $13 OR budgets.next_allowed_at > budgets.now \
     ELSE (budgets.failures, budgets.last_at, budgets.next_allowed_at, budgets.expires_at) \
     IS DISTINCT FROM (seen_failures, seen_last_at, seen_next_allowed_at, seen_expires_at) END), \
     poured AS (SELECT budgets.key, CASE WHEN budgets.expires_at > $1 THEN budgets.failures ELSE 0 END + 1 AS failures, \
     now AS last_at, GREATEST(budgets.next_allowed_at, now - tolerance) + leaks AS next_allowed_at, tolerance \
     FROM asked JOIN budgets ON budgets.key = asked.key WHERE leaks IS NOT NULL), \
     charged AS (INSERT INTO throttles (key, failures, last_at, next_allowed_at, expires_at) \
     SELECT asked.key, COALESCE(poured.failures, asked.failures), COALESCE(poured.last_at, asked.last_at), \
     COALESCE(poured.next_allowed_at, asked.next_allowed_at), \
     COALESCE(poured.next_allowed_at + poured.tolerance, asked.expires_at) \
     FROM asked LEFT JOIN poured ON poured.key = asked.key WHERE NOT EXISTS (SELECT 1 FROM changed) ORDER BY asked.key \
     ON CONFLICT (key) DO UPDATE SET failures = excluded.failures, last_at = excluded.last_at, \
     next_allowed_at = excluded.next_allowed_at, expires_at = excluded.expires_at \
     WHERE throttles.key IN (SELECT key FROM budgets) RETURNING key, failures, last_at, next_allowed_at, expires_at) \
     SELECT charged.key, charged.failures, charged.last_at, charged.next_allowed_at, charged.expires_at, \
     budgets.failures AS before_failures, budgets.last_at AS before_last_at, \
     budgets.next_allowed_at AS before_next_allowed_at, budgets.expires_at AS before_expires_at \
     FROM charged LEFT JOIN budgets ON budgets.key = charged.key";

/// What is charged, what of it was seen, and when.
type Args = (Vec<Charge>, Budgets, Timestamp);

/// Charged twice, an attempt counts as two: one too many, never one too few.
pub(in crate::store::postgres) const CHARGE_BUDGETS: AtOnce<Args, Admission> = AtOnce {
    statement: |connection, (charges, seen, now)| {
        Box::pin(async move {
            let Admission::Charged(decided) = seen.admission(charges, *now) else {
                return Ok(None);
            };
            charge(connection, charges, seen, &decided, *now).await
        })
    },
    is_idempotent: |_args| true,
};

async fn charge(
    connection: &mut PgConnection,
    charges: &[Charge],
    seen: &Budgets,
    decided: &[Charged],
    now: Timestamp,
) -> Result<Option<Admission>> {
    let mut columns = Columns::default();
    for (charge, decided) in charges.iter().zip(decided) {
        columns.push(charge, seen.0.get(&charge.key).copied(), decided.after);
    }
    let rows = columns.bound(now).fetch_all(&mut *connection).await?;
    let rows = rows.iter().map(parse).collect::<Result<HashMap<_, _>>>()?;
    let charged = charges.iter().zip(decided).map(|(charge, decided)| {
        let charged = *rows.get(&charge.key)?;
        Some(if charged.after == decided.after { *decided } else { charged })
    });
    let charged: Option<Vec<_>> = charged.collect();
    if charged.is_none() && !rows.is_empty() {
        refund(connection, charges, &rows).await?;
    }
    Ok(charged.map(Admission::Charged))
}

/// A rival has inserted a row that was missing: what was charged of the others is refunded. If rivals have charged them as
/// well, it is not, and the attempt counts twice there.
async fn refund(
    connection: &mut PgConnection,
    charges: &[Charge],
    rows: &HashMap<[u8; 32], Charged>,
) -> Result<()> {
    let charged =
        charges.iter().filter_map(|charge| Some((*charge, Some(*rows.get(&charge.key)?))));
    let settled = Settled { forget: Vec::new(), give_back: charged.collect() };
    Refunds::of(&settled).bound(sqlx::query(SETTLE)).execute(connection).await?;
    Ok(())
}

/// An item of each column for each charge.
#[derive(Debug, Default)]
struct Columns {
    keys: Vec<Vec<u8>>,
    leaks: Vec<Option<PgInterval>>,
    tolerance: Vec<Option<PgInterval>>,
    seen: Throttles,
    becomes: Throttles,
}

impl Columns {
    fn push(&mut self, charge: &Charge, seen: Option<Throttle>, becomes: Throttle) {
        let bucket = charge.rule.bucket_of_a_rate();
        self.keys.push(charge.key.to_vec());
        self.leaks.push(bucket.map(|bucket| interval(bucket.interval)));
        self.tolerance.push(bucket.map(|bucket| interval(bucket.tolerance)));
        self.seen.push(seen);
        self.becomes.push(Some(becomes));
    }

    fn bound(self, now: Timestamp) -> Query<'static> {
        let query = sqlx::query(CHARGE).bind(now).bind(self.keys).bind(self.leaks);
        let query = self.seen.bound(query.bind(self.tolerance));
        self.becomes.bound(query).bind(now.plus(CLOCK_SKEW))
    }
}

/// A row of [`CHARGE`].
fn parse(row: &PgRow) -> Result<([u8; 32], Charged)> {
    let (key, after) = ThrottleRow::from_row(row)?.parse()?;
    let failures: Option<i32> = row.try_get("before_failures")?;
    let before = failures.map(|failures| {
        Ok::<_, sqlx::Error>(Throttle {
            failures: failures.unsigned_abs(),
            last_at: row.try_get("before_last_at")?,
            next_allowed_at: row.try_get("before_next_allowed_at")?,
            expires_at: row.try_get("before_expires_at")?,
        })
    });
    Ok((key, Charged { before: before.transpose()?, after }))
}
