//! Writes of one statement: one round trip, where a transaction takes one for each statement, and two more for BEGIN and
//! COMMIT.
//!
//! Postgres runs a single statement as a transaction of its own, under the settings of the session: so only where those are
//! ours (`pins`); behind a pooler the transaction runs as before. What takes several statements is joined to one by
//! data-modifying CTEs, and that changes what it sees: all parts see one snapshot, which is from before any of them waited
//! for a lock. So (ADR 40):
//!
//! - A part whose row a rival may have changed meanwhile locks it, and compares it with what the snapshot shows.
//! - Where that differs, or anything else is not as usual, the statement writes nothing, and the transaction runs: its
//!   statements each see what was committed before them.

use std::fmt;

use sqlx::PgConnection;

// Macros of `statements` expect `rules` here.
use super::{
    Pool,
    queries::statements::{self, rules},
    verdict::Verdict,
};
use crate::store::{Body, Error, Result, WRITE_DEADLINE};

mod challenges;
mod outbox;
mod refresh;

pub(super) use self::{
    challenges::RESERVE_ATTEMPT,
    outbox::{CLAIM, CLAIM_MESSAGES, REMOVE_MESSAGE},
    refresh::REFRESH_SESSION,
};

/// A write of one statement. It gives `None` where it has written nothing.
pub(super) struct AtOnce<A, T> {
    statement: Body<PgConnection, A, Option<T>>,
    /// Whether it may be written once more, by its transaction, where the answer was lost with the connection.
    is_idempotent: fn(&A) -> bool,
}

impl<A, T> fmt::Debug for AtOnce<A, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AtOnce").finish_non_exhaustive()
    }
}

/// What became of the statement.
pub(super) enum Outcome<T> {
    Written(T),
    /// Nothing was written, and the transaction is to run.
    NotAsUsual,
    /// It may have been written. The transaction may run all the same; if that fails, this is the answer.
    Unknown(Error),
}

/// Runs the statement.
///
/// # Errors
/// Its own; a connection that was lost, if it is not idempotent.
pub(super) async fn run<A, T>(pool: &Pool, args: &A, once: &AtOnce<A, T>) -> Result<Outcome<T>> {
    let mut lease = pool.acquire().await?;
    let origin = lease.origin();
    let answer = pool.supervised(&origin, WRITE_DEADLINE, (once.statement)(&mut lease, args)).await;
    let given_up = answer.is_err();
    match lease.outcome(answer) {
        Ok(Some(done)) => Ok(Outcome::Written(done)),
        Ok(None) => Ok(Outcome::NotAsUsual),
        // The server has undone it.
        Err(error) if error.lost_a_race() => Ok(Outcome::NotAsUsual),
        Err(error) => {
            let lost = given_up || Verdict::of_store(&error) != Verdict::Keep;
            if lost && (once.is_idempotent)(args) {
                Ok(Outcome::Unknown(error))
            } else {
                Err(error)
            }
        }
    }
}
