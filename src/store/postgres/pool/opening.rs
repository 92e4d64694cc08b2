//! A connection that is being opened counts, and so others are not opened. What breaks off must not count for ever.

use std::sync::Arc;

use tokio::time::sleep;

use super::{PAUSES, Shared};

/// One that is counted as being opened, until it is said that it no longer is. If this is dropped before, by a panic or where
/// nothing can be begun, it does not count any more, and those who wait get another attempt.
#[derive(Debug)]
pub(super) struct Opening {
    pool: Arc<Shared>,
    is_counted: bool,
}

impl Opening {
    /// What `room` has counted as begun.
    pub(super) fn counted(pool: &Arc<Shared>) -> Self {
        Self { pool: Arc::clone(pool), is_counted: true }
    }

    pub(super) fn pool(&self) -> Arc<Shared> {
        Arc::clone(&self.pool)
    }

    /// `State` has taken it out of its count.
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
        // A lease may be dropped where there is no runtime; whoever waits then has one, and asks again.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                sleep(PAUSES.1).await;
                let room = pool.lock().room();
                pool.fill(room);
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Mutex, time::Duration};

    use tokio::sync::{Notify, watch};

    use super::{
        super::{
            super::{connector::Connector, url::ConnectionString},
            state::{Room, State, Turn},
            supervision::Newest,
        },
        *,
    };

    /// A pool of a server that nobody has started.
    fn pool() -> Arc<Shared> {
        let string = ConnectionString::parse("postgres://user@127.0.0.1:1/db").unwrap();
        Arc::new(Shared {
            connector: Connector::new(string),
            state: Mutex::new(State::new(1)),
            newest: Newest::default(),
            changes: watch::Sender::new(0),
            returned: Notify::new(),
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
