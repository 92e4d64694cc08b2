//! What would be logged with every call while something is away: one line in a while, and how many were left out.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Lets an event pass if none has for a while.
#[derive(Debug)]
pub struct Seldom {
    every: Duration,
    /// When one passed last, and how many have not since.
    last: Mutex<(Option<Instant>, u64)>,
}

impl Seldom {
    /// One in that time.
    pub const fn every(every: Duration) -> Self {
        Self { every, last: Mutex::new((None, 0)) }
    }

    /// Whether this event passes: then, how many before it did not.
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
