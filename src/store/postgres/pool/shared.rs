//! What the pool and its connections share: who gets a connection that is free, and what becomes of one that is not wanted.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use sqlx::PgConnection;
use tokio::{
    sync::{Notify, watch},
    time::timeout,
};

use super::{
    newest::Newest,
    state::{Live, State, Turn},
};
use crate::store::{
    Error, Result,
    cause::in_words,
    postgres::{
        connector::Connector,
        verdict::{refused_for_good, too_many_connections},
    },
    waits::Waits,
    write_health::Busy,
};

/// Timeout of closing a connection.
pub(super) const GOODBYE: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) connector: Connector,
    pub(super) state: Mutex<State>,
    pub(super) newest: Newest,
    /// Incremented whenever older connections may be to the wrong server.
    pub(super) changes: watch::Sender<u64>,
    pub(super) returned: Notify,
    pub(super) waits: Waits,
}

/// No connection could be opened while a caller waited.
#[derive(Debug, thiserror::Error)]
#[error("no connection could be made: {}", in_words(&**.0))]
struct NoConnection(Arc<Error>);

impl Shared {
    /// The lock is held for a few steps, and never across an await. Poisoning is ignored: a panic leaves valid counts.
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection for a caller, or a place in the queue.
    pub(super) fn turn(self: &Arc<Self>) -> Result<Turn> {
        let (turn, outdated, room) = {
            let mut state = self.lock();
            let (turn, outdated) = state.turn().ok_or_else(closed)?;
            (turn, outdated, state.room())
        };
        outdated.into_iter().for_each(goodbye);
        self.fill(room);
        Ok(turn)
    }

    /// Whether to retry after a connection was refused.
    pub(super) fn refused(&self, error: Error) -> bool {
        let error = Arc::new(error);
        let mut state = self.lock();
        if too_many_connections(&error) {
            let (open, max, first) = state.too_many();
            if first {
                tell_of_too_few(open, max, &error);
            }
        }
        let dismissed = refused_for_good(&error);
        state.refused(error, dismissed)
    }

    /// Hands a free connection to the first waiting caller, or keeps it.
    pub(super) fn hand_on(self: &Arc<Self>, live: Live) {
        let outdated = {
            let mut state = self.lock();
            if state.is_of_use(&live) {
                let pool = Arc::clone(self);
                state.hand_on(live, move |live| pool.hand_on(live));
                None
            } else {
                Some(live)
            }
        };
        if let Some(outdated) = outdated {
            self.discard(outdated);
        }
        self.returned.notify_waiters();
    }

    /// Closes a connection, and opens another one if a caller waits.
    pub(super) fn discard(self: &Arc<Self>, live: Live) {
        let room = {
            let mut state = self.lock();
            state.left(&live);
            state.room()
        };
        goodbye(live);
        self.fill(room);
        self.returned.notify_waiters();
    }

    /// Closes all connections as old as this one: idle ones now, the others when they come back.
    pub(super) fn discard_all(
        self: &Arc<Self>,
        batch: u64,
        why: &(dyn std::error::Error + 'static),
    ) {
        let idle = {
            let mut state = self.lock();
            if state.age().0 != batch {
                return;
            }
            state.next_batch()
        };
        let why = in_words(why);
        tracing::info!(why, idle = idle.len(), "the connections to the database are made anew");
        idle.into_iter().for_each(goodbye);
        let room = self.lock().room();
        self.fill(room);
        self.changes.send_modify(|changes| *changes += 1);
    }

    /// The error for a caller whose wait timed out.
    pub(super) fn nothing_came(&self) -> Error {
        let state = self.lock();
        match state.last_failure() {
            // With some connections open, a refusal of others is not the cause.
            Some(cause) if state.is_empty() => no_connection(&cause),
            Some(_) | None => Error::Unavailable(Busy.into()),
        }
    }
}

pub(super) fn no_connection(cause: &Arc<Error>) -> Error {
    Error::Unavailable(NoConnection(Arc::clone(cause)).into())
}

pub(super) fn closed() -> Error {
    Error::Unavailable("the connections to the database are closed".into())
}

/// Closes the session politely; otherwise the server logs that its client has vanished.
pub(super) fn goodbye(live: Live) {
    // Without a runtime, at the very end, the system closes the socket.
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        runtime.spawn(timeout(GOODBYE, live.close()));
    }
}

fn tell_of_too_few(open: u32, max: u32, why: &Error) {
    let why = in_words(why);
    tracing::warn!(
        why,
        open,
        max,
        "the database has no place for more connections: the service goes on with those that it has. Set \
         COUNTERSIGN_DATABASE_CONNECTIONS so low that all replicas together stay within the limit of the role, of the \
         database and of the server (max_connections), or raise that limit"
    );
}

impl Live {
    pub(super) async fn close(self) {
        let connection: PgConnection = self.connection;
        // The server may be gone.
        let _heard = sqlx::Connection::close(connection).await;
    }
}
