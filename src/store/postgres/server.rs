//! The identity and role of a connection's server.

use sqlx::{Executor as _, PgConnection, Row as _};

/// A server's own account of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Server {
    /// The time of its start, to the microsecond: another time is another server, or the same one after a restart.
    pub(super) started_at: String,
    /// Whether it is a primary, not a standby.
    pub(super) is_primary: bool,
    /// Whether it takes writes: it is a primary, and not read-only.
    pub(super) takes_writes: bool,
}

/// Queries the server's role. A simple query: it leaves no prepared statement behind.
pub(super) async fn ask(connection: &mut PgConnection) -> sqlx::Result<Server> {
    let row = connection
        .fetch_one(
            "SELECT CAST(pg_postmaster_start_time() AS TEXT) AS started_at, \
             CAST(NOT pg_is_in_recovery() AS TEXT) AS is_primary, \
             CAST(NOT pg_is_in_recovery() AND current_setting('transaction_read_only') = 'off' AS TEXT) AS takes_writes",
        )
        .await?;
    let yes = |name| row.try_get::<String, _>(name).map(|answer| answer == "true");
    Ok(Server {
        started_at: row.try_get("started_at")?,
        is_primary: yes("is_primary")?,
        takes_writes: yes("takes_writes")?,
    })
}
