//! Rows as a statement takes them: an array for each column.

use std::time::Duration;

use sqlx::postgres::types::PgInterval;

use super::Query;
use crate::{
    domain::{Throttle, Timestamp},
    store::column::count,
};

/// States of budgets, some of which are missing.
#[derive(Debug, Default)]
pub(super) struct Throttles {
    failures: Vec<Option<i32>>,
    last_at: Vec<Option<Timestamp>>,
    next_allowed_at: Vec<Option<Timestamp>>,
    expires_at: Vec<Option<Timestamp>>,
}

impl Throttles {
    pub(super) fn push(&mut self, throttle: Option<Throttle>) {
        self.failures.push(throttle.map(|throttle| count(throttle.failures)));
        self.last_at.push(throttle.map(|throttle| throttle.last_at));
        self.next_allowed_at.push(throttle.map(|throttle| throttle.next_allowed_at));
        self.expires_at.push(throttle.map(|throttle| throttle.expires_at));
    }

    /// Four parameters.
    pub(super) fn bound(self, query: Query<'_>) -> Query<'_> {
        query
            .bind(self.failures)
            .bind(self.last_at)
            .bind(self.next_allowed_at)
            .bind(self.expires_at)
    }
}

/// A time of a rule, none of which is longer than a year.
pub(super) fn interval(duration: Duration) -> PgInterval {
    let microseconds = i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
    PgInterval { months: 0, days: 0, microseconds }
}
