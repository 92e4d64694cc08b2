//! Runs the migrations beside replicas that serve: how long a step waits for a lock, and when it is tried again.

use std::time::Duration;

use sqlx::{
    PgConnection,
    migrate::{Migrate as _, MigrateError},
};
use tokio::time::sleep;

use crate::store::{Result, migrations};

/// How long a step may wait for each of its locks. ALTER TABLE waits for every transaction that has used the table, and all later
/// statements on the table queue behind it (lock queue): one long transaction would make calls fail. It is longer than the
/// `deadlock_timeout` of Postgres (1 s), after which Postgres ends an autovacuum that is in the way, and shorter than calls
/// ([`PATIENCE`](crate::store::PATIENCE)) and readiness ([`CHECK_PATIENCE`](super::CHECK_PATIENCE)) wait for a connection.
const LOCK_TIMEOUT: &str = "SET lock_timeout = '1200ms'";

/// From giving up a lock to the next try. Calls that have queued behind the step run meanwhile.
const AGAIN_AFTER: Duration = Duration::from_secs(3);

/// Runs all migrations that have not run, on a connection that is closed afterwards. A step that gets no lock in time, or
/// loses against a call in a deadlock, is rolled back and tried again, until it succeeds.
///
/// # Errors
/// A migration that fails for another reason; a server that is gone.
pub(super) async fn run(connection: &mut PgConnection) -> Result<()> {
    // The lock that keeps two migrations apart, without a limit: the other one takes as long as it takes.
    tracing::debug!("waiting for other migrations of this database to end");
    connection.lock().await?;
    sqlx::raw_sql(LOCK_TIMEOUT).execute(&mut *connection).await?;
    let mut migrator = migrations::migrator(migrations::POSTGRES);
    migrator.set_locking(false);
    while let Err(error) = migrator.run_direct(None, connection, false).await {
        let Some(Lost { version, sqlstate }) = lost(&error) else { return Err(error.into()) };
        tracing::warn!(
            version,
            sqlstate,
            "a migration waits for a long transaction on the same table, and is tried again: pg_stat_activity shows the \
             transaction"
        );
        // The failed transaction holds no lock, although sqlx sends its ROLLBACK with the next statement.
        sleep(AGAIN_AFTER).await;
    }
    connection.unlock().await?;
    Ok(())
}

/// A step that got no lock in time, or was chosen to end a deadlock.
struct Lost {
    /// Its version; none where sqlx's own table of migrations was locked.
    version: Option<i64>,
    /// `lock_not_available` or `deadlock_detected`.
    sqlstate: &'static str,
}

fn lost(error: &MigrateError) -> Option<Lost> {
    let (cause, version) = if let MigrateError::ExecuteMigration(cause, version) = error {
        (cause, Some(*version))
    } else if let MigrateError::Execute(cause) = error {
        (cause, None)
    } else {
        return None;
    };
    let code = cause.as_database_error()?.code()?;
    let sqlstate = ["55P03", "40P01"].into_iter().find(|known| *known == code)?;
    Some(Lost { version, sqlstate })
}
