//! A clock that tests can put forward.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use countersign::{domain::Timestamp, service::Clock};

/// The system's time and what was added to it.
#[derive(Debug, Clone, Default)]
pub struct TestClock(Arc<AtomicU64>);

impl TestClock {
    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(u64::try_from(by.as_micros()).unwrap(), Ordering::SeqCst);
    }

    pub fn now(&self) -> Timestamp {
        let added = Duration::from_micros(self.0.load(Ordering::SeqCst));
        Timestamp::from(SystemTime::now()).plus(added)
    }

    pub fn clock(&self) -> Clock {
        let this = self.clone();
        Clock::from_fn(move || this.now())
    }
}
