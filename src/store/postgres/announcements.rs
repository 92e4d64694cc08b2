//! Announcements of revocations on Postgres: LISTEN, on a connection of its own.
//!
//! Not one of the pool's: it is never given back, and would be one less for statements. Behind a PgBouncer in transaction
//! mode it hears nothing, and a connection that dies in silence hears nothing either: readers look for themselves as well.

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use tokio::sync::Notify;

use super::Pool;
use crate::store::{PATIENCE, Result};

/// From losing the connection to the next attempt.
const RECONNECT_AFTER: Duration = Duration::from_secs(1);

/// Never returns. LISTENs on `channel` and notifies `heard`. Reconnects when the pool changes servers: the one before may be
/// alive, and would announce nothing.
pub(super) async fn hear(pool: &Pool, channel: &str, heard: &Notify) {
    let mut changes = pool.changes();
    loop {
        changes.mark_unchanged();
        let server = pool.server();
        tokio::select! {
            // Whether the database is there is for the readiness check to say.
            _lost = listen(&server, channel, heard) => {}
            Ok(()) = changes.changed() => continue,
        }
        tokio::time::sleep(RECONNECT_AFTER).await;
    }
}

async fn listen(options: &PgConnectOptions, channel: &str, heard: &Notify) -> Result<()> {
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(PATIENCE)
        .max_lifetime(None)
        .idle_timeout(None)
        .connect_with(options.clone().application_name("countersign listener"))
        .await?;
    let mut listener = PgListener::connect_with(&pool).await?;
    listener.eager_reconnect(false);
    listener.listen(channel).await?;
    loop {
        // Something may have been announced before we listened.
        heard.notify_one();
        if listener.try_recv().await?.is_none() {
            return Ok(());
        }
    }
}
