//! A stopwatch that counts the time that this process had.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::time::{MissedTickBehavior, interval};
use tokio_util::task::AbortOnDropHandle;

const BEAT: Duration = Duration::from_millis(10);

const STALL: Duration = Duration::from_secs(20);

/// On a quiet machine it shows what any clock does. On a busy one, where the runtime could do nothing for a while, that while is one
/// beat: a requirement of so many milliseconds is about the service and not about what else runs beside it.
#[derive(Debug)]
pub struct Beats {
    count: Arc<AtomicU32>,
    begun: Instant,
    _counting: AbortOnDropHandle<()>,
}

impl Beats {
    pub fn start() -> Self {
        let count: Arc<AtomicU32> = Arc::default();
        let counted = Arc::clone(&count);
        let counting = tokio::spawn(async move {
            let mut beats = interval(BEAT);
            beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                beats.tick().await;
                counted.fetch_add(1, Ordering::Relaxed);
            }
        });
        Self { count, begun: Instant::now(), _counting: AbortOnDropHandle::new(counting) }
    }

    /// # Panics
    /// After [`STALL`], which no other process explains: then this one has stopped its own runtime.
    pub fn elapsed(&self) -> Duration {
        assert!(self.begun.elapsed() < STALL, "the runtime stood still");
        BEAT * self.count.load(Ordering::Relaxed)
    }
}
