//! The clock. Tests pass in their own, so that none sleeps.
//!
//! Which stored times are believed: `CLOCK_SKEW` and `is_from_the_future` in `domain/timestamp.rs` (ADR 23).

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use tokio::time::Instant;

use crate::domain::Timestamp;

/// The time of day, which may be set, and a monotonic stopwatch: state that is in memory only goes by the stopwatch.
#[derive(Clone)]
pub struct Clock {
    now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    elapsed: Arc<dyn Fn() -> Duration + Send + Sync>,
}

impl Clock {
    /// The system's clock.
    pub fn system() -> Self {
        Self::from_fn(|| SystemTime::now().into())
    }

    /// A clock that asks `now`; its stopwatch is the system's.
    pub fn from_fn(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        let begun = Instant::now();
        Self { now: Arc::new(now), elapsed: Arc::new(move || begun.elapsed()) }
    }

    /// The same clock with another stopwatch.
    pub fn with_stopwatch(self, elapsed: impl Fn() -> Duration + Send + Sync + 'static) -> Self {
        Self { elapsed: Arc::new(elapsed), ..self }
    }

    /// The current time.
    pub fn now(&self) -> Timestamp {
        (self.now)()
    }

    /// The time since an arbitrary fixed moment: monotonic, even if the time of day is set.
    pub fn elapsed(&self) -> Duration {
        (self.elapsed)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}
