//! Health of writes: a database that answers reads and refuses writes (its disk is full, it was made read-only, a right was
//! revoked) must not count as ready.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use super::{Error, Result};

/// Consecutive failures that count as unhealthy: a single one may be chance.
const TOO_MANY: u32 = 2;

/// Counts consecutive writes that failed for the store's own reasons. Clones share the count.
#[derive(Debug, Clone, Default)]
pub(super) struct WriteHealth(Arc<AtomicU32>);

impl WriteHealth {
    /// Notes the result of a write. A failure because of its values, or because no connection was free, says nothing about
    /// the store: any caller could cause it.
    pub(super) fn note<T>(&self, result: &Result<T>) {
        match result {
            Ok(_) => self.0.store(0, Ordering::Relaxed),
            Err(error) if error.is_of_the_store() => {
                // Saturating: a count that wrapped around would be good health.
                let more = |failures: u32| Some(failures.saturating_add(1));
                let _before = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
            }
            Err(_of_the_caller) => {}
        }
    }

    /// Whether the last write that counts failed. A success that wrote nothing is no evidence then: do not note it.
    pub(super) fn has_failed(&self) -> bool {
        self.0.load(Ordering::Relaxed) > 0
    }

    /// Whether two writes in a row have failed, and none has succeeded since. A service that is not ready gets no calls:
    /// the caller of this must try a write, or it stays so for ever.
    pub(super) fn is_failing(&self) -> bool {
        self.0.load(Ordering::Relaxed) >= TOO_MANY
    }
}

impl Error {
    /// Whether the store failed for a reason of its own: not because of the values, not because of a rival, and not because
    /// all connections were taken.
    pub(super) fn is_of_the_store(&self) -> bool {
        match self {
            Self::Unavailable(_) if self.cause().is_some_and(|cause| cause.is::<Busy>()) => false,
            Self::Unavailable(_) => self.of_database().is_none_or(|error| !blames_values(error)),
            Self::Statement(_) => self.of_database().is_some_and(|error| !blames_values(error)),
            Self::SchemaMissing(_)
            | Self::Url(_)
            | Self::NotPrivate(_)
            | Self::File(_)
            | Self::NotDurable(_)
            | Self::Unfit(_)
            | Self::SchemaOutdated { .. }
            | Self::Migration(_) => true,
            // One row's problem.
            Self::Corrupt(_) => false,
        }
    }
}

/// Every connection was taken for as long as a caller waits: load, not a failure of the store.
#[derive(Debug, thiserror::Error)]
#[error("no connection was free in time")]
pub(super) struct Busy;

/// Postgres, by SQLSTATE: data exception (22), constraint (23), lost against a rival (40, 55P03). SQLite, by result code: TOOBIG,
/// CONSTRAINT, MISMATCH.
fn blames_values(error: &dyn sqlx::error::DatabaseError) -> bool {
    let Some(code) = error.code() else {
        return false;
    };
    match code.parse::<u32>() {
        Ok(result_code) if code.len() < 5 => matches!(result_code & 0xff, 18..=20),
        _ => ["22", "23", "40", "55P03"].iter().any(|class| code.starts_with(class)),
    }
}

#[cfg(test)]
mod tests {
    use sqlx::{Connection as _, Executor as _, SqliteConnection};

    use super::*;

    fn away() -> Result<()> {
        Err(Error::Unavailable("the disk is full".into()))
    }

    #[test]
    fn two_failed_writes_in_a_row_are_too_many_until_one_succeeds() {
        let health = WriteHealth::default();
        let seen_by_readiness = health.clone();
        assert!(!seen_by_readiness.has_failed());
        health.note(&away());
        assert!(!seen_by_readiness.is_failing(), "one may be bad luck");
        assert!(seen_by_readiness.has_failed());
        health.note(&Ok(()));
        assert!(!seen_by_readiness.has_failed());
        health.note(&away());
        assert!(!seen_by_readiness.is_failing(), "not in a row");
        for _ in 0..3 {
            health.note(&away());
            assert!(seen_by_readiness.is_failing());
        }
        health.note(&Ok(()));
        assert!(!seen_by_readiness.is_failing());
    }

    #[test]
    fn a_busy_store_and_a_bad_row_are_no_failures_of_it() {
        let health = WriteHealth::default();
        for _ in 0..3 {
            health.note::<()>(&Err(Error::Unavailable(Busy.into())));
            health.note::<()>(&Err(Error::Corrupt("a time")));
            health.note::<()>(&Err(Error::Statement("the write panicked".into())));
        }
        assert!(!health.is_failing());
    }

    async fn error_of(sql: &'static str) -> Result<()> {
        let mut connection = SqliteConnection::connect("sqlite::memory:").await.unwrap();
        connection.execute("CREATE TABLE one (id INTEGER PRIMARY KEY)").await.unwrap();
        connection.execute(sql).await.map_err(Error::from).map(drop)
    }

    #[tokio::test]
    async fn what_a_caller_can_cause_does_not_count_and_a_missing_table_does() {
        let health = WriteHealth::default();
        for _ in 0..2 {
            health.note(&error_of("INSERT INTO one VALUES (1), (1)").await);
            health.note(&error_of("INSERT INTO one VALUES ('text')").await);
        }
        assert!(!health.is_failing(), "constraint, mismatch");
        for _ in 0..2 {
            health.note(&error_of("INSERT INTO none VALUES (1)").await);
        }
        assert!(health.is_failing());
    }
}
