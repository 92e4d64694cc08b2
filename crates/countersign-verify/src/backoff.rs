//! Exponential backoff with jitter, so that services do not retry in step.

use std::time::Duration;

const LEAST: Duration = Duration::from_millis(200);

/// Cap of the backoff: a server that is back is noticed soon.
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

/// A random time between half of it and all of it.
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
