//! A connection in use, and its return to the pool.

use std::{
    ops::{Deref, DerefMut},
    sync::Arc,
    time::Duration,
};

use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Postgres, Transaction};
use tokio::time::timeout;

use super::{newest::Origin, shared::Shared, state::Live};
use crate::{
    store::{
        Error, PATIENCE, Result,
        postgres::{
            session::{BEGIN, BEGIN_PINNED},
            verdict::Verdict,
        },
    },
    trace,
};

/// A connection that was idle for longer is tested before it is handed out.
const TRUSTED_FOR: Duration = Duration::from_millis(100);

/// Timeout of that test.
const SIGN_OF_LIFE: Duration = Duration::from_millis(500);

/// The state in which a connection comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// Outside a transaction, and nothing is left to read: reusable at once.
    Clean,
    /// Outside a transaction, but perhaps in the middle of a statement whose caller went away.
    Unknown,
    /// In a transaction whose end was not answered. sqlx 0.9.0 mistakes a connection whose `begin` was cancelled for one
    /// outside a transaction: the next statement would be acknowledged and never committed (ADR 5).
    Open,
    /// Its server is gone, or takes no writes.
    Lost,
}

/// A pooled connection. Its drop returns it.
#[derive(Debug)]
pub struct Lease {
    pool: Arc<Shared>,
    /// Only the drop takes it.
    live: Option<Live>,
    ending: Ending,
}

impl Lease {
    pub(super) fn new(pool: &Arc<Shared>, live: Live) -> Self {
        Self { pool: Arc::clone(pool), live: Some(live), ending: Ending::Clean }
    }

    /// This lease, unless its connection was idle and is dead.
    pub(super) async fn with_a_sign_of_life(mut self) -> Option<Self> {
        self.ending = Ending::Unknown;
        if self.live.as_ref().is_some_and(|live| live.used_at.elapsed() < TRUSTED_FOR) {
            return Some(self);
        }
        match timeout(SIGN_OF_LIFE, self.ping()).await {
            Ok(Ok(())) => Some(self),
            Ok(Err(error)) => {
                self.judge(&error, Verdict::of(&error));
                self.ending = Ending::Lost;
                None
            }
            Err(elapsed) => {
                self.judge(&elapsed, Verdict::DiscardAll);
                None
            }
        }
    }

    /// Reads the rest of the answer to a statement whose caller went away. Returns whether the connection is reusable.
    async fn read_what_is_left(&mut self) -> bool {
        // The first answer may be that statement's own error.
        for _ in 0..2 {
            match self.ping().await {
                Ok(()) => return true,
                Err(error) if Verdict::of(&error) == Verdict::Keep => {}
                Err(error) => {
                    self.judge(&error, Verdict::of(&error));
                    return false;
                }
            }
        }
        false
    }

    /// The server behind this connection.
    pub(in crate::store::postgres) fn origin(&self) -> Origin {
        let of = |live: &Live| Origin { started_at: live.server.started_at.clone(), era: live.era };
        self.live.as_ref().map(of).unwrap_or_default()
    }

    /// Applies an error's verdict.
    pub(in crate::store::postgres) fn judge(
        &mut self,
        error: &(dyn std::error::Error + 'static),
        verdict: Verdict,
    ) {
        if verdict == Verdict::Keep {
            return;
        }
        self.ending = Ending::Lost;
        if verdict == Verdict::DiscardAll
            && let Some(live) = &self.live
        {
            self.pool.discard_all(live.batch, error);
        }
    }

    /// The answer to a read, which is outside a transaction; judges the connection by it.
    ///
    /// # Errors
    /// The read's own, or the reason for no answer.
    pub(in crate::store::postgres) fn outcome<T>(
        &mut self,
        answer: Result<Result<T>>,
    ) -> Result<T> {
        match answer {
            Ok(Ok(answer)) => {
                self.answered();
                Ok(answer)
            }
            Ok(Err(error)) => {
                self.failed(&error);
                Err(error)
            }
            Err(given_up) => {
                self.judge(&given_up, Verdict::DiscardAll);
                Err(given_up)
            }
        }
    }

    /// Marks the last statement as answered in full, outside a transaction.
    pub(super) fn answered(&mut self) {
        self.ending = Ending::Clean;
    }

    /// Begins a transaction. Unless [`ended`](Self::ended) follows, the connection is closed when it comes back.
    ///
    /// # Errors
    /// The statement's.
    pub async fn begin(&mut self) -> sqlx::Result<Transaction<'_, Postgres>> {
        self.ending = Ending::Open;
        let is_pinned = self.pool.connector.is_pinned();
        let begin = if is_pinned { BEGIN_PINNED } else { BEGIN };
        match trace::sql_comment() {
            None => (**self).begin_with(begin).await,
            // Not a prepared statement: one that differs costs no place in anybody's cache.
            Some(comment) => (**self).begin_with(AssertSqlSafe(format!("{begin} {comment}"))).await,
        }
    }

    /// Marks the COMMIT or the ROLLBACK as answered.
    pub(in crate::store::postgres) fn ended(&mut self) {
        self.ending = Ending::Clean;
    }

    /// Applies the verdict on an error of a read or of a transaction.
    pub(in crate::store::postgres) fn failed(&mut self, error: &Error) {
        self.judge(error, Verdict::of_store(error));
    }
}

impl Deref for Lease {
    type Target = PgConnection;

    #[expect(clippy::expect_used, reason = "it is taken by what consumes the lease alone")]
    fn deref(&self) -> &PgConnection {
        &self.live.as_ref().expect("a lease has its connection").connection
    }
}

impl DerefMut for Lease {
    #[expect(clippy::expect_used, reason = "it is taken by what consumes the lease alone")]
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.live.as_mut().expect("a lease has its connection").connection
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(live) = self.live.take() else { return };
        match self.ending {
            Ending::Clean => self.pool.hand_on(live),
            Ending::Unknown => self.pool.hand_on_after_a_sign_of_life(live),
            Ending::Open | Ending::Lost => self.pool.discard(live),
        }
    }
}

impl Shared {
    /// Reads the rest of a statement's answer first, in a task of its own.
    fn hand_on_after_a_sign_of_life(self: &Arc<Self>, live: Live) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return self.discard(live);
        };
        let mut lease = Lease { pool: Arc::clone(self), live: Some(live), ending: Ending::Lost };
        runtime.spawn(async move {
            // A connection still busy after that is closed: its answer is not needed.
            if timeout(PATIENCE, lease.read_what_is_left()).await == Ok(true) {
                lease.answered();
            }
        });
    }
}
