//! A circuit breaker: a time without attempts, after an answer that concerns all messages.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::Failure;

/// The pause of one delivery. Monotonic clock: a change of the time of day cannot prolong it.
#[derive(Debug, Default)]
pub(super) struct Pause(Mutex<Option<State>>);

#[derive(Debug)]
struct State {
    until: Instant,
    /// Consecutive pauses, for the exponential backoff.
    times: u32,
    why: Failure,
}

impl Pause {
    fn state(&self) -> std::sync::MutexGuard<'_, Option<State>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Fails while the pause lasts, with the time left.
    ///
    /// # Errors
    /// The failure that began the pause.
    pub(super) fn check(&self) -> Result<(), Failure> {
        let state = self.state();
        let Some(State { until, why, .. }) = &*state else { return Ok(()) };
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() { Ok(()) } else { Err(why.clone().after(Some(left))) }
    }

    /// Begins a pause of `first`, doubled for each one before it without an [`end`](Self::end), up to `longest`
    /// (exponential backoff). Of several concurrent failures one begins it. Returns the failure with the time to wait.
    pub(super) fn start(&self, why: Failure, first: Duration, longest: Duration) -> Failure {
        if let Err(begun) = self.check() {
            return why.after(begun.retry_after);
        }
        let mut state = self.state();
        let times = state.as_ref().map_or(0, |state| state.times);
        let length = first.saturating_mul(1 << times.min(16)).min(longest);
        let until = Instant::now() + length;
        *state = Some(State { until, times: times.saturating_add(1), why: why.clone() });
        why.after(Some(length))
    }

    /// Whether the last attempt began a pause.
    pub(super) fn is_pending(&self) -> bool {
        self.state().is_some()
    }

    pub(super) fn end(&self) {
        *self.state() = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::FailureKind;

    #[tokio::test(start_paused = true)]
    async fn pauses_grow_until_something_gets_through() {
        let pause = Pause::default();
        let seconds = Duration::from_secs;
        assert_eq!(pause.check(), Ok(()));
        let why = Failure::new(FailureKind::Setup, "wrong password");
        for length in [60, 120, 240, 300, 300] {
            let failure = pause.start(why.clone(), seconds(60), seconds(300));
            assert_eq!(failure.retry_after, Some(seconds(length)));
            // Concurrent attempts that failed in the same way.
            assert_eq!(pause.start(why.clone(), seconds(60), seconds(300)), failure);
            tokio::time::advance(seconds(length - 1)).await;
            assert_eq!(pause.check(), Err(why.clone().after(Some(seconds(1)))));
            tokio::time::advance(seconds(1)).await;
            assert_eq!(pause.check(), Ok(()));
            assert!(pause.is_pending());
        }
        pause.end();
        assert!(!pause.is_pending());
        let failure = pause.start(why, seconds(60), seconds(300));
        assert_eq!(failure.retry_after, Some(seconds(60)));
    }
}
