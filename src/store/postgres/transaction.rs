//! A transaction: begin, commit, and whether to retry it.
//!
//! Five tries, with short random pauses. The error codes are in `lost_a_race` (`store/error.rs`),
//! the isolation level (READ COMMITTED) in `session`.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use rand::RngExt as _;
use sqlx::PgConnection;

use super::{Pool, verdict::Verdict};
use crate::store::{Body, Error, Result, WRITE_DEADLINE, write_health::WriteHealth};

/// The most tries of a transaction that loses against another one, or loses its connection before the COMMIT.
const MAX_TRIES: u32 = 5;

/// A transaction that was not committed, or whose commit is unknown.
struct Failed {
    error: Error,
    /// It was certainly not committed, and a retry may succeed.
    again: bool,
}

/// Runs `body` in a transaction, and again if it lost against another.
///
/// # Errors
/// The body's, or the transaction's own.
pub(super) async fn until_done<A, T>(
    pool: &Pool,
    health: &WriteHealth,
    operation: &'static str,
    args: &A,
    body: Body<PgConnection, A, T>,
) -> Result<T> {
    let mut tries = 1;
    loop {
        match run(pool, health, args, body).await {
            Err(Failed { error, again: true }) if tries < MAX_TRIES => {
                tracing::debug!(operation, %error, tries, "retrying transaction");
                let pause = rand::rng().random_range(1..=10 * u64::from(tries));
                tokio::time::sleep(Duration::from_millis(pause)).await;
                tries += 1;
            }
            result => return result.map_err(|failed| failed.error),
        }
    }
}

/// Runs `body` once, on a connection that is reused only if the server has answered the end of the transaction (ADR 5).
///
/// # Errors
/// The body's, or the transaction's own.
async fn run<A, T>(
    pool: &Pool,
    health: &WriteHealth,
    args: &A,
    body: Body<PgConnection, A, T>,
) -> std::result::Result<T, Failed> {
    let lease = pool.acquire().await;
    let mut lease = lease.map_err(|error| Failed { error, again: false })?;
    let (origin, committing, ended) =
        (lease.origin(), AtomicBool::new(false), AtomicBool::new(false));
    let work = async {
        let mut transaction = lease.begin().await?;
        let result = match body(&mut transaction, args).await {
            // An error aborts the transaction, and the COMMIT of an aborted one is answered without an error.
            Ok(done) if health.has_failed() => {
                has_written(&mut transaction).await.map(|wrote| (done, wrote)).map_err(Error::from)
            }
            result => result.map(|done| (done, false)),
        };
        let end = if let Ok((_, wrote)) = result {
            committing.store(true, Ordering::Relaxed);
            let end = transaction.commit().await;
            if wrote && end.is_ok() {
                health.note(&Ok(()));
            }
            end
        } else {
            transaction.rollback().await
        };
        ended.store(end.is_ok(), Ordering::Relaxed);
        // The body's error is more specific than the rollback's.
        result.and_then(|(done, _)| end.map(|()| done).map_err(Error::from))
    };
    let answer = pool.supervised(&origin, WRITE_DEADLINE, work).await;
    let given_up = answer.is_err();
    if ended.into_inner() {
        lease.ended();
    }
    answer.flatten().map_err(|error| {
        lease.failed(&error);
        let lost = given_up || Verdict::of_store(&error) != Verdict::Keep;
        // A COMMIT that was sent may have taken effect.
        let surely_not = lost && !committing.into_inner();
        Failed { again: surely_not || error.lost_a_race(), error }
    })
}

/// Whether this transaction has written anything. On a full disk one without changes still succeeds.
async fn has_written(connection: &mut PgConnection) -> sqlx::Result<bool> {
    let written = sqlx::query_scalar("SELECT txid_current_if_assigned() IS NOT NULL");
    written.fetch_one(connection).await
}
