//! A clock that tests can put forward, stop, and set wrong.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use countersign::{domain::Timestamp, service::Clock};

/// The system's time and what was added to it.
#[derive(Debug, Clone, Default)]
pub struct TestClock {
    added: Arc<AtomicU64>,
    stopped_at: Arc<OnceLock<SystemTime>>,
    /// In microseconds: how far the time of day is ahead, or behind.
    wrong_by: Arc<AtomicI64>,
    /// In microseconds: how much later each reading is than the one before.
    step: Arc<AtomicU64>,
}

impl TestClock {
    pub fn advance(&self, by: Duration) {
        self.added.fetch_add(u64::try_from(by.as_micros()).unwrap(), Ordering::SeqCst);
    }

    /// From now on time goes by `advance` alone.
    pub fn stop(&self) {
        self.stopped_at.get_or_init(SystemTime::now);
    }

    /// Sets the time of day so many seconds ahead of the right one, or behind it; with 0 it is right again. The stopwatch goes on as
    /// it was.
    pub fn set_wrong_by(&self, seconds: i64) {
        self.wrong_by.store(seconds * 1_000_000, Ordering::SeqCst);
    }

    /// From now on each reading of the time of day is so much later: work takes time, wherever it reads the clock.
    pub fn step(&self, by: Duration) {
        self.step.store(u64::try_from(by.as_micros()).unwrap(), Ordering::SeqCst);
    }

    /// The clock of another machine: time goes by as here, and it can be wrong by itself.
    pub fn of_another(&self) -> Self {
        Self { wrong_by: Arc::default(), ..self.clone() }
    }

    pub fn now(&self) -> Timestamp {
        self.added.fetch_add(self.step.load(Ordering::SeqCst), Ordering::SeqCst);
        let time = SystemTime::UNIX_EPOCH + self.elapsed();
        let micros = Timestamp::from(time).unix_micros();
        Timestamp::from_unix_micros(micros + self.wrong_by.load(Ordering::SeqCst))
    }

    fn elapsed(&self) -> Duration {
        let added = Duration::from_micros(self.added.load(Ordering::SeqCst));
        let time = self.stopped_at.get().copied().unwrap_or_else(SystemTime::now);
        time.duration_since(SystemTime::UNIX_EPOCH).unwrap() + added
    }

    pub fn clock(&self) -> Clock {
        let (time, stopwatch) = (self.clone(), self.clone());
        Clock::from_fn(move || time.now()).with_stopwatch(move || stopwatch.elapsed())
    }
}
