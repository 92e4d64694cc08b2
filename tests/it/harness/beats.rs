//! A stopwatch that counts the time that this process had.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use tokio::time::{MissedTickBehavior, interval};
use tokio_util::task::AbortOnDropHandle;

const BEAT: Duration = Duration::from_millis(10);

/// On a quiet machine it shows what any clock does. On a busy one, where the runtime could do nothing for a while, that while is one
/// beat: a requirement of so many milliseconds is about the service and not about what else runs beside it.
#[derive(Debug)]
pub struct Beats {
    count: Arc<AtomicU32>,
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
        Self { count, _counting: AbortOnDropHandle::new(counting) }
    }

    pub fn elapsed(&self) -> Duration {
        BEAT * self.count.load(Ordering::Relaxed)
    }
}
