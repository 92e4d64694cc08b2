//! Refunds of attempts: alone, or as part of a statement that goes on with a login.

use sqlx::{Row as _, postgres::types::PgInterval};

use super::{
    AtOnce, Query,
    columns::{Throttles, interval},
};
use crate::{
    domain::{Charged, MAX_FAILURES_IN_A_ROW},
    store::{Charge, Settled, column::count},
};

/// The parts that lock the budgets to refund, where `$gate` holds, and say what becomes of each. Their parameters are the
/// first twelve of the statement. Rows are locked in the order of their keys (deadlock).
///
/// A row that is as it was charged is restored. If a rival has charged it since, it depends on its rule (`take_back` in
/// `domain/throttle.rs`): a leaky bucket loses what one attempt takes to leak out, a window has room for one more, and for
/// the others the refunds do not `fit`. A leaky bucket stays when it is empty, until it expires: most logins find the row
/// that one before them has left.
macro_rules! budgets {
    ($gate:literal) => {
        concat!(
            "refunds AS (SELECT key, forget_below, leaks, is_window, was_failures, was_last_at, was_next_allowed_at, \
             was_expires_at, failures, last_at, next_allowed_at, expires_at \
             FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) AS refunds \
             (key, forget_below, leaks, is_window, was_failures, was_last_at, was_next_allowed_at, \
             was_expires_at, failures, last_at, next_allowed_at, expires_at)), \
             budgets AS (SELECT key, failures, last_at, next_allowed_at, expires_at FROM throttles \
             WHERE key = ANY ($1) AND ",
            $gate,
            " ORDER BY key FOR UPDATE), \
             acts AS (SELECT budgets.key, leaks, budgets.failures AS count, budgets.last_at AS latest, \
             refunds.failures, refunds.last_at, refunds.next_allowed_at, refunds.expires_at, \
             CASE WHEN budgets.failures < forget_below THEN 'delete' WHEN forget_below IS NOT NULL THEN 'keep' \
             WHEN leaks IS NOT NULL THEN CASE WHEN budgets.failures > 0 THEN 'leak' ELSE 'keep' END \
             WHEN (budgets.failures, budgets.last_at, budgets.next_allowed_at, budgets.expires_at) \
             = (was_failures, was_last_at, was_next_allowed_at, was_expires_at) \
             THEN CASE WHEN refunds.failures IS NULL THEN 'delete' ELSE 'restore' END \
             WHEN is_window THEN CASE WHEN budgets.failures > 1 THEN 'open' ELSE 'delete' END \
             ELSE 'apply the rule' END AS act FROM refunds JOIN budgets ON budgets.key = refunds.key), \
             refunds_fit AS (SELECT NOT EXISTS (SELECT 1 FROM acts WHERE act = 'apply the rule') AS fit)"
        )
    };
}

/// The parts that refund, where all fit and `$gate` holds.
macro_rules! refund {
    ($gate:literal) => {
        concat!(
            "forgotten AS (DELETE FROM throttles USING acts, refunds_fit \
             WHERE throttles.key = acts.key AND fit AND act = 'delete' AND ",
            $gate,
            "), refunded AS (UPDATE throttles SET \
             failures = CASE act WHEN 'restore' THEN acts.failures ELSE acts.count - 1 END, \
             last_at = CASE act WHEN 'restore' THEN acts.last_at ELSE acts.latest END, \
             next_allowed_at = CASE act WHEN 'restore' THEN acts.next_allowed_at WHEN 'open' THEN acts.latest \
             ELSE throttles.next_allowed_at - leaks END, \
             expires_at = CASE act WHEN 'restore' THEN acts.expires_at WHEN 'open' THEN throttles.expires_at \
             ELSE throttles.expires_at - leaks END \
             FROM acts, refunds_fit \
             WHERE throttles.key = acts.key AND fit AND act IN ('restore', 'leak', 'open') AND ",
            $gate,
            ")"
        )
    };
}

/// The charge of budgets that were empty, where all fit and `$gate` holds. A rival may have charged one since the snapshot:
/// then it is counted on top. (As many as wait in line for one account, `service/limits/lines.rs`, can so be admitted at once.)
macro_rules! charge_of_none {
    ($gate:literal) => {
        concat!(
            "INSERT INTO throttles (key, failures, last_at, next_allowed_at, expires_at) \
             SELECT refunds.key, refunds.failures, refunds.last_at, refunds.next_allowed_at, refunds.expires_at \
             FROM refunds, refunds_fit WHERE was_failures IS NULL AND refunds.failures IS NOT NULL AND fit AND ",
            $gate,
            " ON CONFLICT (key) DO UPDATE SET failures = throttles.failures + 1, \
             last_at = GREATEST(throttles.last_at, excluded.last_at)"
        )
    };
}

pub(super) use {budgets, charge_of_none, refund};

/// Refunds, and nothing else.
pub(super) const SETTLE: &str =
    concat!("WITH ", budgets!("TRUE"), ", ", refund!("TRUE"), " SELECT fit FROM refunds_fit");

pub(in crate::store::postgres) const SETTLE_BUDGETS: AtOnce<Settled, ()> = AtOnce {
    statement: |connection, settled| {
        Box::pin(async move {
            let query = Refunds::of(settled).bound(sqlx::query(SETTLE));
            let row = query.fetch_one(connection).await?;
            Ok(row.try_get::<bool, _>("fit")?.then_some(()))
        })
    },
    // Refunded twice, an attempt would make up for another one.
    is_idempotent: |_settled| false,
};

/// Refunds: an item of each column for each row.
#[derive(Debug, Default)]
pub(super) struct Refunds {
    keys: Vec<Vec<u8>>,
    forget_below: Vec<Option<i32>>,
    /// The time in which one attempt leaks out.
    leaks: Vec<Option<PgInterval>>,
    is_window: Vec<bool>,
    was: Throttles,
    becomes: Throttles,
}

impl Refunds {
    pub(super) fn of(settled: &Settled) -> Self {
        let mut refunds = Self::default();
        for (key, successes) in &settled.forget {
            let below = MAX_FAILURES_IN_A_ROW.saturating_add(*successes);
            refunds.forget_below.push(Some(count(below)));
            refunds.leaks.push(None);
            refunds.is_window.push(false);
            refunds.push(key, None);
        }
        for (Charge { key, rule }, charged) in &settled.give_back {
            let bucket = rule.bucket_of_a_rate();
            refunds.forget_below.push(None);
            refunds.leaks.push(bucket.map(|bucket| interval(bucket.interval)));
            refunds.is_window.push(rule.is_a_window());
            refunds.push(key, charged.as_ref());
        }
        refunds
    }

    /// With the charge of a budget, which is to be as it was seen.
    pub(super) fn and(mut self, charged: Option<(Charge, Charged)>) -> Self {
        if let Some((Charge { key, .. }, Charged { before, after })) = charged {
            self.forget_below.push(None);
            self.leaks.push(None);
            self.is_window.push(false);
            self.keys.push(key.to_vec());
            self.was.push(before);
            self.becomes.push(Some(after));
        }
        self
    }

    /// Whether they fit however the rows have changed meanwhile.
    pub(super) fn always_fit(settled: &Settled) -> bool {
        settled
            .give_back
            .iter()
            .all(|(Charge { rule, .. }, _)| rule.bucket_of_a_rate().is_some() || rule.is_a_window())
    }

    fn push(&mut self, key: &[u8; 32], charged: Option<&Charged>) {
        self.keys.push(key.to_vec());
        self.was.push(charged.map(|charged| charged.after));
        self.becomes.push(charged.and_then(|charged| charged.before));
    }

    /// The first twelve parameters.
    pub(super) fn bound(self, query: Query<'_>) -> Query<'_> {
        let query = query.bind(self.keys).bind(self.forget_below).bind(self.leaks);
        self.becomes.bound(self.was.bound(query.bind(self.is_window)))
    }
}
