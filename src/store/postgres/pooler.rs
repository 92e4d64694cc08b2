//! Detects a connection pooler between the service and the database.
//!
//! In session mode a client keeps its server connection. In transaction mode (PgBouncer's `pool_mode = transaction`) it has
//! one for a transaction at a time: a LISTEN is heard by another client, a session lock stays with the next one, and a
//! prepared statement is only where it was made, unless the pooler tracks them (PgBouncer from 1.21 on).

use std::time::Duration;

use sqlx::{
    ConnectOptions as _, Connection as _, PgConnection, Row as _, postgres::PgConnectOptions,
};
use tokio::time::timeout;

use super::pins;
use crate::store::{Error, PATIENCE, Result};

/// The number of checks whether the connection changes. Once is enough on a pooler without other clients: it lends the
/// connection that came back last.
const LOOKS: usize = 5;

/// Delay after failing to reach the server.
const LOOK_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// How long a client keeps one server connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sharing {
    /// For its whole session: there is no pooler, or it is in session mode.
    Sessions,
    /// For a transaction.
    Transactions,
}

/// Whether a pooler refused the startup options (PgBouncer: "unsupported startup parameter").
pub(super) fn refuses_options(error: &sqlx::Error) -> bool {
    error
        .as_database_error()
        .is_some_and(|error| error.message().contains("unsupported startup parameter"))
}

/// Checks whether two clients at a time share a server process, or one client gets different ones.
///
/// # Errors
/// An unreachable server; [`Error::Unfit`] for a pooler in transaction mode without prepared statements.
pub(super) async fn sharing(options: &PgConnectOptions) -> Result<Sharing> {
    if pins::is_pinned(options) {
        return Ok(Sharing::Sessions);
    }
    // An unreachable host does not answer, and TCP waits for minutes.
    let silent = |_elapsed| Error::Unavailable("the server does not answer in time".into());
    let mut one = timeout(PATIENCE, options.connect()).await.map_err(silent)??;
    // A server that refuses a second connection now does not share one between two clients.
    let other = timeout(PATIENCE, options.connect()).await;
    let Ok(Ok(mut other)) = other else { return Ok(Sharing::Sessions) };
    let looked = timeout(PATIENCE, look(&mut one, &mut other)).await;
    let shared = matches!(looked, Ok(Ok(true)));
    let sharing = if shared { Sharing::Transactions } else { Sharing::Sessions };
    if shared
        && timeout(PATIENCE, prepare(&mut one, &mut other)).await.is_ok_and(|done| done.is_err())
    {
        return Err(Error::Unfit(
            "the pooler before the database is in transaction mode and does not know prepared statements: PgBouncer must be 1.21 \
             or newer with max_prepared_statements, or have pool_mode=session"
                .into(),
        ));
    }
    for connection in [one, other] {
        // Closed politely or not: no longer needed.
        let _closed = timeout(PATIENCE, connection.close()).await;
    }
    Ok(sharing)
}

/// Waits for ever behind a pooler in transaction mode: a LISTEN there stays on a connection that is lent to other clients,
/// who get our notifications. Callers poll anyway. `server` is asked each time: of several hosts another one may have
/// become the right one (fail-over).
pub(super) async fn until_listening_works(server: impl Fn() -> PgConnectOptions) {
    loop {
        match sharing(&server()).await {
            Ok(Sharing::Sessions) => return,
            Ok(Sharing::Transactions) => {
                tracing::info!(
                    "behind a pooler in transaction mode, revocations are looked for and not announced"
                );
                return std::future::pending().await;
            }
            // The readiness check reports a lost database.
            Err(_away) => tokio::time::sleep(LOOK_AGAIN_AFTER).await,
        }
    }
}

async fn look(one: &mut PgConnection, other: &mut PgConnection) -> sqlx::Result<bool> {
    for _ in 0..LOOKS {
        let before = process(one).await?;
        let mut transaction = other.begin().await?;
        let meanwhile = process(&mut transaction).await?;
        let after = process(one).await?;
        transaction.rollback().await?;
        if meanwhile == before || after != before {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The server's process id, by a simple query, which every pooler supports.
async fn process(connection: &mut PgConnection) -> sqlx::Result<String> {
    let row = sqlx::raw_sql("SELECT CAST(pg_backend_pid() AS TEXT) AS process");
    row.fetch_one(connection).await?.try_get("process")
}

/// Two clients prepare a statement of the same name on one shared connection: only a pooler that tracks statements can tell
/// them apart.
async fn prepare(one: &mut PgConnection, other: &mut PgConnection) -> sqlx::Result<()> {
    for _ in 0..2 {
        for connection in [&mut *one, &mut *other] {
            let one = sqlx::query_scalar("SELECT 1 WHERE 1 = $1").bind(1);
            let _one: i32 = one.fetch_one(connection).await?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// Three servers: one refuses, one is silent, one is known to be no pooler.
    #[tokio::test(start_paused = true)]
    async fn each_look_is_at_the_server_that_is_right_by_then() {
        let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let silent = silent.local_addr().unwrap().port();
        let looks = Cell::new(0);
        let server = || {
            looks.set(looks.get() + 1);
            let at = |port| PgConnectOptions::new_without_pgpass().host("127.0.0.1").port(port);
            match looks.get() {
                1 => at(1),
                2 => at(silent),
                _ => pins::pinned(at(1)),
            }
        };
        until_listening_works(server).await;
        assert_eq!(looks.get(), 3);
    }
}
