//! Rate limit of log lines: during an outage, one line in a while, with the number of those suppressed.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Passes an event if none has passed for a while.
#[derive(Debug)]
pub struct Seldom {
    every: Duration,
    /// When an event passed last, and how many have been suppressed since.
    last: Mutex<(Option<Instant>, u64)>,
}

impl Seldom {
    /// At most one event in that time.
    pub const fn every(every: Duration) -> Self {
        Self { every, last: Mutex::new((None, 0)) }
    }

    /// Whether this event passes: `Some` holds the number of events suppressed before it.
    pub fn passes(&self, now: Instant) -> Option<u64> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let early = |at: Instant| now.saturating_duration_since(at) < self.every;
        if last.0.is_some_and(early) {
            last.1 += 1;
            return None;
        }
        Some(std::mem::replace(&mut *last, (Some(now), 0)).1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_passes_in_a_while_and_tells_how_many_did_not() {
        let (seldom, begin) = (Seldom::every(Duration::from_secs(10)), Instant::now());
        let at = |seconds| seldom.passes(begin + Duration::from_secs(seconds));
        assert_eq!(at(0), Some(0));
        assert_eq!((at(1), at(9)), (None, None));
        assert_eq!(at(10), Some(2));
        assert_eq!(at(19), None);
        assert_eq!(at(60), Some(1));
    }
}
