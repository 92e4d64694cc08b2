//! Announcements of revocations on Postgres (LISTEN/NOTIFY), on a connection of its own.
//!
//! Not on one of the pool's: the listener never returns it, and statements would have one less. Behind a PgBouncer in
//! transaction mode it hears nothing, and neither does a connection that dies in silence: callers poll as well.

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use tokio::sync::Notify;

use super::Pool;
use crate::store::{PATIENCE, Result};

/// Delay before reconnecting.
const RECONNECT_AFTER: Duration = Duration::from_secs(1);

/// Never returns. LISTENs on `channel` and notifies `heard`. Reconnects when the pool changes servers: the one before may be
/// alive, and would announce nothing.
pub(super) async fn hear(pool: &Pool, channel: &str, heard: &Notify) {
    let mut changes = pool.changes();
    loop {
        changes.mark_unchanged();
        let server = pool.server();
        tokio::select! {
            // The readiness check reports a lost database.
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
        // An announcement may have been missed before LISTEN.
        heard.notify_one();
        if listener.try_recv().await?.is_none() {
            return Ok(());
        }
    }
}
