//! The connections to Postgres: who gets which, when one is made, and which leave.
//!
//! A pool of ours, and not sqlx's, because of what that one does when the world moves (ADR 28): a call that is to open a
//! connection gets none of those that become free meanwhile, so that a server which refuses one more costs it its turn; it does
//! not learn what its connections were answered; and it can't tell whether one is inside a transaction but by a ROLLBACK.
//!
//! - Connections are opened by tasks, and never by the caller who waits: the caller takes what comes first.
//! - A connection whose server is gone, or takes no writes any more, leaves, and so do all that are as old (`batch`).
//! - Only one whose last transaction ended with an answer is used again (ADR 5).

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::future::join_all;
use sqlx::{PgConnection, postgres::PgConnectOptions};
use tokio::{
    sync::{Notify, watch},
    time::{Instant, sleep, timeout, timeout_at},
};

use self::{
    lease::Lease,
    opening::Opening,
    state::{Live, Room, State, Turn},
    supervision::Newest,
};
use super::{
    connector::{Connector, Opened},
    url::ConnectionString,
    verdict::{refused_for_good, too_many_connections},
};
use crate::store::{Error, PATIENCE, PoolUse, Result, cause::in_words, write_health::Busy};

mod lease;
mod opening;
mod state;
mod supervision;

/// A connection that nobody has used for so long is closed: it may be another replica's.
const IDLE_FOR: Duration = Duration::from_secs(60);

/// One that has lain idle for longer is asked for a sign of life before it is handed out.
const TRUSTED_FOR: Duration = Duration::from_millis(100);

/// How long it has for that.
const SIGN_OF_LIFE: Duration = Duration::from_millis(500);

/// How long the goodbye to a server may take.
const GOODBYE: Duration = Duration::from_secs(5);

/// Between two attempts to open a connection: it doubles from the first to the second.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_millis(400));

/// The pool. Clones share it.
#[derive(Debug, Clone)]
pub struct Pool(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    connector: Connector,
    state: Mutex<State>,
    newest: Newest,
    /// Counts whenever connections from before may be to the wrong server.
    changes: watch::Sender<u64>,
    returned: Notify,
}

/// No connection could be made while a caller waited.
#[derive(Debug, thiserror::Error)]
#[error("no connection could be made: {}", in_words(&**.0))]
struct NoConnection(Arc<Error>);

impl Pool {
    /// A pool of `max_connections` at the most, and its first connection.
    ///
    /// # Errors
    /// A server that can't be reached within three seconds.
    pub(super) async fn connect(string: ConnectionString, max_connections: u32) -> Result<Self> {
        let connector = Connector::new(string);
        let pool = Self(Arc::new(Shared {
            connector,
            state: Mutex::new(State::new(max_connections.max(1))),
            newest: Newest::default(),
            changes: watch::Sender::new(0),
            returned: Notify::new(),
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

    /// As `acquire`, with another patience.
    pub(super) async fn acquire_within(&self, patience: Duration) -> Result<Lease> {
        let deadline = Instant::now() + patience;
        loop {
            let lease = match self.0.turn()? {
                Turn::Now(live) => Lease::new(&self.0, live),
                Turn::Wait(handed) => match timeout_at(deadline, handed).await {
                    Ok(Ok(handed)) => handed.map_err(|cause| no_connection(&cause))?,
                    Ok(Err(_closed)) => return Err(closed()),
                    Err(_elapsed) => return Err(self.0.nothing_came()),
                },
            };
            if let Some(lease) = lease.with_a_sign_of_life().await {
                return Ok(lease);
            }
        }
    }

    /// Tells when connections from before may be to the wrong server.
    pub(in crate::store) fn changes(&self) -> watch::Receiver<u64> {
        self.0.changes.subscribe()
    }

    /// Where the server is that answered last.
    pub(in crate::store) fn server(&self) -> PgConnectOptions {
        self.0.connector.current()
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

impl Shared {
    /// Held for a few steps, and never while anything is awaited. What a panic left behind is counts.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a caller gets: a connection, or a place among those who wait.
    fn turn(self: &Arc<Self>) -> Result<Turn> {
        let (turn, outdated, room) = {
            let mut state = self.lock();
            let (turn, outdated) = state.turn().ok_or_else(closed)?;
            (turn, outdated, state.room())
        };
        outdated.into_iter().for_each(goodbye);
        self.fill(room);
        Ok(turn)
    }

    /// Begins to open a connection where there is somebody to have it, and room.
    fn fill(self: &Arc<Self>, room: Room) {
        if room == Room::None {
            return;
        }
        let opening = Opening::counted(self);
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { opening.pool().open_for_those_who_wait(opening).await });
        }
    }

    /// Tries until it has one, or nobody waits any more.
    async fn open_for_those_who_wait(self: Arc<Self>, opening: Opening) {
        let mut pause = PAUSES.0;
        loop {
            // From before: what is found out meanwhile holds for this one as well.
            let (batch, era) = self.lock().age();
            match self.connector.open().await {
                Ok(opened) => {
                    self.note_server(&opened);
                    let Opened { connection, server, .. } = opened;
                    let live = Live::new(connection, server, batch, era);
                    self.lock().opened(&live);
                    opening.uncounted();
                    self.hand_on(live);
                    // Others may wait who came while no connection could be made.
                    let room = self.lock().room();
                    return self.fill(room);
                }
                Err(error) => {
                    if !self.refused(error) {
                        return opening.uncounted();
                    }
                }
            }
            sleep(pause).await;
            pause = (pause * 2).min(PAUSES.1);
        }
    }

    /// Whether it is worth another try, after a connection was refused.
    fn refused(&self, error: Error) -> bool {
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

    /// Gives a connection that is free to the first who waits for one, or keeps it.
    fn hand_on(self: &Arc<Self>, live: Live) {
        let left = {
            let mut state = self.lock();
            if state.is_of_use(&live) {
                state.hand_on(live, |live| Lease::new(self, live))
            } else {
                Some(live)
            }
        };
        if let Some(outdated) = left {
            self.discard(outdated);
        }
        self.returned.notify_waiters();
    }

    /// Closes a connection, and opens another one if somebody waits.
    fn discard(self: &Arc<Self>, live: Live) {
        let room = {
            let mut state = self.lock();
            state.left(&live);
            state.room()
        };
        goodbye(live);
        self.fill(room);
        self.returned.notify_waiters();
    }

    /// All connections that are as old as this one leave: those that are idle now, the others when they come back.
    fn discard_all(self: &Arc<Self>, batch: u64, why: &(dyn std::error::Error + 'static)) {
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

    /// Why a caller has waited in vain.
    fn nothing_came(&self) -> Error {
        let state = self.lock();
        match state.last_failure() {
            // With some open, the others are not the cause.
            Some(cause) if state.is_empty() => no_connection(&cause),
            Some(_) | None => Error::Unavailable(Busy.into()),
        }
    }
}

fn no_connection(cause: &Arc<Error>) -> Error {
    Error::Unavailable(NoConnection(Arc::clone(cause)).into())
}

fn closed() -> Error {
    Error::Unavailable("the connections to the database are closed".into())
}

/// Says goodbye to the server, which otherwise logs that its client has vanished.
fn goodbye(live: Live) {
    // Without a runtime, at the very end, the socket is closed by the system.
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

/// Closes what nobody has used for a while, for as long as there is a pool.
async fn close_idle(pool: std::sync::Weak<Shared>) {
    loop {
        sleep(IDLE_FOR / 4).await;
        let Some(pool) = pool.upgrade() else { return };
        let idle = pool.lock().take_idle_for(IDLE_FOR);
        idle.into_iter().for_each(goodbye);
    }
}

impl Live {
    async fn close(self) {
        let connection: PgConnection = self.connection;
        // Whether the server hears it is the server's affair.
        let _heard = sqlx::Connection::close(connection).await;
    }
}
