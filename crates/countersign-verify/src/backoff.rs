//! How long to wait before the next attempt: twice as long each time, and never in step with other services.

use std::time::Duration;

const LEAST: Duration = Duration::from_millis(200);

/// Little enough that a server that is back is noticed soon.
const MOST: Duration = Duration::from_secs(10);

pub(crate) struct Backoff(Duration);

impl Backoff {
    pub(crate) fn new() -> Self {
        Self(LEAST)
    }

    pub(crate) fn reset(&mut self) {
        self.0 = LEAST;
    }

    /// The next pause.
    pub(crate) fn next(&mut self) -> Duration {
        let pause = self.0;
        self.0 = MOST.min(pause * 2);
        jitter(pause)
    }
}

/// Between half of a time and all of it.
pub(crate) fn jitter(time: Duration) -> Duration {
    time.mul_f64(rand::random_range(0.5..=1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_limit_and_begin_anew_after_a_success() {
        let mut backoff = Backoff::new();
        let pauses: Vec<_> = (0..20).map(|_| backoff.next()).collect();
        assert!(pauses.iter().all(|pause| *pause >= LEAST / 2 && *pause <= MOST));
        assert!(pauses[0] <= LEAST && pauses[19] >= MOST / 2, "{pauses:?}");
        backoff.reset();
        assert!(backoff.next() <= LEAST);
    }
}
