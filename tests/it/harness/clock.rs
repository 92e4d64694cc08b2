//! A clock that tests can put forward, and stop.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use countersign::{domain::Timestamp, service::Clock};

/// The system's time and what was added to it.
#[derive(Debug, Clone, Default)]
pub struct TestClock {
    added: Arc<AtomicU64>,
    stopped_at: Arc<OnceLock<SystemTime>>,
}

impl TestClock {
    pub fn advance(&self, by: Duration) {
        self.added.fetch_add(u64::try_from(by.as_micros()).unwrap(), Ordering::SeqCst);
    }

    /// From now on time goes by `advance` alone.
    pub fn stop(&self) {
        self.stopped_at.get_or_init(SystemTime::now);
    }

    pub fn now(&self) -> Timestamp {
        let added = Duration::from_micros(self.added.load(Ordering::SeqCst));
        let time = self.stopped_at.get().copied().unwrap_or_else(SystemTime::now);
        Timestamp::from(time).plus(added)
    }

    pub fn clock(&self) -> Clock {
        let this = self.clone();
        Clock::from_fn(move || this.now())
    }
}
