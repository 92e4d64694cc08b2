//! The connection pool of Postgres.
//!
//! Not sqlx's, because of its behaviour in failures (ADR 28): a caller that opens a connection gets none of those that
//! become free meanwhile, so that a server which refuses one more costs it its turn; it does not learn the errors of its
//! connections; and only a ROLLBACK tells it whether one is inside a transaction.
//!
//! - Tasks open connections, never a waiting caller: the caller takes the first that is free.
//! - A connection whose server is gone, or takes no writes any more, is closed, and so are all as old as it (`batch`).
//! - A connection is reused only if its last transaction ended with an answer (ADR 5).

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::future::join_all;
use sqlx::postgres::PgConnectOptions;
use tokio::{
    sync::{Notify, watch},
    time::{Instant, sleep, timeout, timeout_at},
};

use self::{
    lease::Lease,
    newest::Newest,
    shared::{GOODBYE, Shared, closed, goodbye, no_connection},
    state::{State, Turn},
};
use super::{connector::Connector, url::ConnectionString};
use crate::store::{PATIENCE, PoolUse, Result, waits::Waits};

mod lease;
mod newest;
mod opening;
mod shared;
mod state;
mod supervision;

/// Idle timeout: another replica may need the connection.
const IDLE_FOR: Duration = Duration::from_secs(60);

/// The pool. Clones share it.
#[derive(Debug, Clone)]
pub struct Pool(Arc<Shared>);

impl Pool {
    /// A pool of at most `max_connections`, with its first connection.
    ///
    /// # Errors
    /// A server that is unreachable for three seconds.
    pub(super) async fn connect(string: ConnectionString, max_connections: u32) -> Result<Self> {
        let connector = Connector::new(string);
        let pool = Self(Arc::new(Shared {
            connector,
            state: Mutex::new(State::new(max_connections.max(1))),
            newest: Newest::default(),
            changes: watch::Sender::new(0),
            returned: Notify::new(),
            waits: Waits::default(),
        }));
        drop(pool.acquire().await?);
        tokio::spawn(close_idle(Arc::downgrade(&pool.0)));
        Ok(pool)
    }

    /// A connection, for as long as the lease is held.
    ///
    /// # Errors
    /// None within three seconds: all are in use, or the database is away.
    pub async fn acquire(&self) -> Result<Lease> {
        self.acquire_within(PATIENCE).await
    }

    /// Like `acquire`, with another timeout.
    pub(super) async fn acquire_within(&self, patience: Duration) -> Result<Lease> {
        let deadline = Instant::now() + patience;
        let _wait = self.0.waits.begin();
        loop {
            let live = match self.0.turn()? {
                Turn::Now(live) => live,
                Turn::Wait(handed) => match timeout_at(deadline, handed).await {
                    Ok(Ok(handed)) => handed.map_err(|cause| no_connection(&cause))?.take(),
                    Ok(Err(_closed)) => return Err(closed()),
                    Err(_elapsed) => return Err(self.0.nothing_came()),
                },
            };
            let lease = Lease::new(&self.0, live);
            if let Some(lease) = lease.with_a_sign_of_life().await {
                return Ok(lease);
            }
        }
    }

    /// Changes whenever older connections may be to the wrong server.
    pub(in crate::store) fn changes(&self) -> watch::Receiver<u64> {
        self.0.changes.subscribe()
    }

    /// The server that answered last.
    pub(in crate::store) fn server(&self) -> PgConnectOptions {
        self.0.connector.current()
    }

    /// Whether the sessions of its connections have our settings.
    pub(super) fn is_pinned(&self) -> bool {
        self.0.connector.is_pinned()
    }

    /// How long callers wait for a connection.
    pub(super) fn waits(&self) -> Waits {
        self.0.waits.clone()
    }

    pub(super) fn pool_use(&self) -> PoolUse {
        self.0.lock().pool_use()
    }

    /// Lets running statements end and closes the connections.
    pub(super) async fn close(&self) {
        let idle = self.0.lock().close();
        join_all(idle.into_iter().map(|live| timeout(GOODBYE, live.close()))).await;
        loop {
            let returned = self.0.returned.notified();
            if self.0.lock().is_empty() {
                return;
            }
            returned.await;
        }
    }
}

/// Closes idle connections after their timeout, as long as the pool exists.
async fn close_idle(pool: std::sync::Weak<Shared>) {
    loop {
        sleep(IDLE_FOR / 4).await;
        let Some(pool) = pool.upgrade() else { return };
        let idle = pool.lock().take_idle_for(IDLE_FOR);
        idle.into_iter().for_each(goodbye);
    }
}
