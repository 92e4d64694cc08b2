//! Announcements of revocations on Postgres: LISTEN, on a connection of its own.
//!
//! Not one of the pool's: it is never given back, and would be one less for statements. Behind a PgBouncer in transaction
//! mode it hears nothing, and a connection that dies in silence hears nothing either: readers look for themselves as well.

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use tokio::sync::Notify;

use super::{PATIENCE, Result};

/// From losing the connection to the next attempt.
const RECONNECT_AFTER: Duration = Duration::from_secs(1);

/// Tells `heard` of everything that is announced on `channel`, for ever.
pub(super) async fn hear(options: &PgConnectOptions, channel: &str, heard: &Notify) {
    loop {
        // Whether the database is there is for the readiness check to say.
        let _lost = listen(options, channel, heard).await;
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
    listener.listen(channel).await?;
    loop {
        // Something may have been announced before we listened, and nothing means that the connection was lost and is
        // there again.
        heard.notify_one();
        listener.try_recv().await?;
    }
}
