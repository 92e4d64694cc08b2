//! Counts connections that are being opened, against the limit. The count must survive panics and cancellation.

use std::{sync::Arc, time::Duration};

use tokio::time::sleep;

use super::{
    shared::Shared,
    state::{Live, Room},
};
use crate::store::postgres::connector::Opened;

/// Backoff between two attempts to open a connection: the first pause doubles up to the second.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_millis(400));

/// A connection counted as being opened, until that is settled. If this is dropped before, by a panic or without a runtime,
/// it is uncounted, and waiting callers get another attempt.
#[derive(Debug)]
pub(super) struct Opening {
    pool: Arc<Shared>,
    is_counted: bool,
}

impl Opening {
    /// Takes over a connection that `room` has counted.
    pub(super) fn counted(pool: &Arc<Shared>) -> Self {
        Self { pool: Arc::clone(pool), is_counted: true }
    }

    pub(super) fn pool(&self) -> Arc<Shared> {
        Arc::clone(&self.pool)
    }

    /// `State` has uncounted it.
    pub(super) fn uncounted(mut self) {
        self.is_counted = false;
    }
}

impl Drop for Opening {
    fn drop(&mut self) {
        if !self.is_counted {
            return;
        }
        self.pool.lock().not_begun();
        let pool = Arc::clone(&self.pool);
        // A lease may be dropped without a runtime; a later caller has one, and asks again.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                sleep(PAUSES.1).await;
                let room = pool.lock().room();
                pool.fill(room);
            });
        }
    }
}

impl Shared {
    /// Begins to open a connection where a caller waits, and there is room.
    pub(super) fn fill(self: &Arc<Self>, room: Room) {
        if room == Room::None {
            return;
        }
        let opening = Opening::counted(self);
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { opening.pool().open_for_those_who_wait(opening).await });
        }
    }

    /// Retries until a connection is open, or no caller waits any more.
    async fn open_for_those_who_wait(self: Arc<Self>, opening: Opening) {
        let mut pause = PAUSES.0;
        loop {
            // Read before connecting: what is found out meanwhile holds for this connection as well.
            let (batch, era) = self.lock().age();
            match self.connector.open().await {
                Ok(opened) => {
                    self.note_server(&opened);
                    let Opened { connection, server, .. } = opened;
                    let live = Live::new(connection, server, batch, era);
                    self.lock().opened(&live);
                    opening.uncounted();
                    self.hand_on(live);
                    // More callers may have queued while no connection could be opened.
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
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use tokio::sync::{Notify, watch};

    use super::{
        super::{
            super::{connector::Connector, url::ConnectionString},
            newest::Newest,
            state::{State, Turn},
        },
        *,
    };
    use crate::store::waits::Waits;

    /// A pool of a server that does not exist.
    fn pool() -> Arc<Shared> {
        let string = ConnectionString::parse("postgres://user@127.0.0.1:1/db").unwrap();
        Arc::new(Shared {
            connector: Connector::new(string),
            state: Mutex::new(State::new(1)),
            newest: Newest::default(),
            changes: watch::Sender::new(0),
            returned: Notify::new(),
            waits: Waits::default(),
        })
    }

    #[tokio::test(start_paused = true)]
    async fn a_panic_while_one_is_opened_costs_those_who_wait_an_attempt_and_not_their_place() {
        let pool = pool();
        let (turn, _) = pool.lock().turn().unwrap();
        assert!(matches!(turn, Turn::Wait(_)));
        assert_eq!(pool.lock().room(), Room::ForOneMore);
        assert_eq!(pool.lock().room(), Room::None, "it is being opened");
        let opening = Opening::counted(&pool);
        let panics = tokio::spawn(async move {
            let _opening = opening;
            panic!("as a defect would");
        });
        assert!(panics.await.unwrap_err().is_panic());
        assert_eq!(pool.lock().room(), Room::ForOneMore, "it does not count any more");
        drop(Opening::counted(&pool));
        sleep(Duration::from_secs(1)).await;
        assert_eq!(pool.lock().room(), Room::None, "another attempt has begun");
    }

    #[test]
    fn where_there_is_no_runtime_nothing_is_begun_and_nothing_counts() {
        let pool = pool();
        let (_turn, _) = pool.lock().turn().unwrap();
        let room = pool.lock().room();
        assert_eq!(room, Room::ForOneMore);
        pool.fill(room);
        assert_eq!(pool.lock().room(), Room::ForOneMore);
    }
}
