//! What is between the service and the database: nothing, or a pooler that lends its connections.
//!
//! In session mode a client keeps the connection that it got. In transaction mode (PgBouncer's `pool_mode = transaction`) it
//! has one for a transaction at a time: a LISTEN is heard by somebody else, a session's lock stays with the next one, and a
//! prepared statement is where it was made, unless the pooler keeps count of them (PgBouncer from 1.21 on).

use std::time::Duration;

use sqlx::{
    ConnectOptions as _, Connection as _, PgConnection, Row as _, postgres::PgConnectOptions,
};
use tokio::time::timeout;

use super::pins;
use crate::store::{Error, PATIENCE, Result};

/// How often it is looked whether the connection changes. On a pooler that nobody else uses, once is enough: it lends the
/// connection that came back last.
const LOOKS: usize = 5;

/// From not reaching the server to the next attempt.
const LOOK_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// For how long a client has one connection of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sharing {
    /// As long as its own: there is no pooler, or it is in session mode.
    Sessions,
    /// A transaction.
    Transactions,
}

/// Whether a pooler refused the settings at the start of a connection (PgBouncer: "unsupported startup parameter").
pub(super) fn refuses_options(error: &sqlx::Error) -> bool {
    error
        .as_database_error()
        .is_some_and(|error| error.message().contains("unsupported startup parameter"))
}

/// Looks whether two clients at a time get the same process of the server, or one client different ones.
///
/// # Errors
/// A server that can't be reached; [`Error::Unfit`] for a pooler in transaction mode that does not know prepared statements.
pub(super) async fn sharing(options: &PgConnectOptions) -> Result<Sharing> {
    if pins::is_pinned(options) {
        return Ok(Sharing::Sessions);
    }
    // A host that is cut off says nothing, and TCP waits for minutes.
    let silent = |_elapsed| Error::Unavailable("the server does not answer in time".into());
    let mut one = timeout(PATIENCE, options.connect()).await.map_err(silent)??;
    // A server that has no second connection for us, or not now, lends none to two clients.
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
        // They have served their purpose, closed politely or not.
        let _closed = timeout(PATIENCE, connection.close()).await;
    }
    Ok(sharing)
}

/// Waits for ever behind a pooler in transaction mode: a LISTEN there stays on a connection that is lent to others, who get
/// what we should hear. Readers look for themselves anyway. `server` is asked each time: of several hosts another one may have taken
/// the place of the one that was right at first.
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
            // Whether the database is there is for the readiness check to say.
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

/// The server's process. A simple query, which every pooler knows.
async fn process(connection: &mut PgConnection) -> sqlx::Result<String> {
    let row = sqlx::raw_sql("SELECT CAST(pg_backend_pid() AS TEXT) AS process");
    row.fetch_one(connection).await?.try_get("process")
}

/// Two clients prepare a statement by the same name on what is one connection: only a pooler that counts them can tell
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

    /// One that refuses, one that is silent, and one that is known to be no pooler.
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
