//! Rate limit of log lines: a flood of connections must not flood the log.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// The least time between log lines.
const LOGGED_EVERY: Duration = Duration::from_secs(60);

/// The time of the last log line, and the count since.
#[derive(Debug, Default)]
pub(super) struct Seldom(Mutex<(Option<Instant>, u64)>);

impl Seldom {
    /// Counts an event. Returns the count since the last line, if another line is due.
    pub(super) fn count(&self, now: Instant) -> Option<u64> {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (written_at, since) = &mut *last;
        *since += 1;
        let is_due = written_at.is_none_or(|at| now.duration_since(at) >= LOGGED_EVERY);
        is_due.then(|| {
            *written_at = Some(now);
            std::mem::take(since)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_most_one_line_a_minute_says_how_many_there_were() {
        let (log, begun) = (Seldom::default(), Instant::now());
        assert_eq!(log.count(begun), Some(1));
        for seconds in 0..60 {
            assert_eq!(log.count(begun + Duration::from_secs(seconds)), None);
        }
        assert_eq!(log.count(begun + Duration::from_secs(60)), Some(61));
        assert_eq!(log.count(begun + Duration::from_secs(61)), None);
    }
}
