//! One key set of others in memory: when it is fetched, and for how long it is used (ADR 34).
//!
//! One fetch at a time, however many callers want it; each key set waits for itself alone. All times are those of the
//! monotonic stopwatch.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tracing::Instrument as _;

use super::source::{FetchedKeys, KeySource, SourceError, told};
use crate::{fetch::Fetcher, service::Clock, token::KeySet};

/// How often an assertion by an unknown key makes a key set be fetched before its time: keys are rotated, but anybody can
/// invent a `kid` (denial of service).
const UNKNOWN_KEY_PAUSE: Duration = Duration::from_secs(30);

/// How long a key set is used after its time, while it can't be fetched.
const LONGEST_OVERDUE: Duration = Duration::from_secs(60 * 60);

/// The longest pause between two tries; the first one is a second (exponential back-off).
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// A key set and its source.
#[derive(Debug)]
pub(super) struct CachedKeys {
    source: KeySource,
    state: Mutex<State>,
    /// Whoever holds it fetches (single flight).
    turn: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    held: Option<Held>,
    /// Fetches that failed since the last that did not.
    failures: u32,
    /// From when on the next try may begin.
    retry_at: Duration,
    /// When an unknown key last made it be fetched.
    asked_at: Option<Duration>,
    used_at: Duration,
}

/// A key set in memory.
#[derive(Debug, Clone)]
pub(super) struct Held {
    pub(super) keys: Arc<KeySet>,
    /// How many were fetched before.
    pub(super) number: u64,
    fresh_until: Duration,
}

/// Which key set a caller wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Want {
    /// One whose time has not run out.
    Fresh,
    /// One that was fetched after that one, which lacked a key.
    NewerThan(u64),
}

/// The key set can't be had now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unavailable;

impl State {
    /// The key set, if it is what is wanted.
    fn wanted(&self, want: Want, now: Duration) -> Option<Held> {
        let held = self.held.clone().filter(|held| now < held.fresh_until)?;
        match want {
            Want::NewerThan(number) if held.number <= number => None,
            Want::NewerThan(_) | Want::Fresh => Some(held),
        }
    }

    /// Whether it may be fetched now.
    fn may_fetch(&self, want: Want, now: Duration) -> bool {
        let asked = self.asked_at.is_some_and(|at| now < at + UNKNOWN_KEY_PAUSE);
        now >= self.retry_at && (want == Want::Fresh || !asked)
    }

    /// The best that there is.
    fn left(&self, now: Duration) -> Result<Held, Unavailable> {
        let usable = |held: &Held| now < held.fresh_until + LONGEST_OVERDUE;
        self.held.clone().filter(usable).ok_or(Unavailable)
    }

    fn fetched(&mut self, fetched: FetchedKeys, now: Duration) {
        let number = self.held.as_ref().map_or(0, |held| held.number + 1);
        let (keys, fresh_until) = (Arc::new(fetched.keys), now + fetched.fresh_for);
        self.held = Some(Held { keys, number, fresh_until });
        (self.failures, self.retry_at) = (0, now);
    }

    fn failed(&mut self, now: Duration) {
        let pause = Duration::from_secs(1 << self.failures.min(6)).min(LONGEST_PAUSE);
        self.retry_at = now + pause;
        self.failures = self.failures.saturating_add(1);
    }
}

impl CachedKeys {
    pub(super) fn new(source: KeySource) -> Self {
        Self { source, state: Mutex::default(), turn: tokio::sync::Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// When it was last used.
    pub(super) fn used_at(&self) -> Duration {
        self.state().used_at
    }

    /// The key set that is wanted, or the best that there is.
    ///
    /// # Errors
    /// There is none, or it has not been fetched again for too long.
    pub(super) async fn get(
        self: &Arc<Self>,
        want: Want,
        fetcher: &Fetcher,
        clock: &Clock,
    ) -> Result<Held, Unavailable> {
        let now = clock.elapsed();
        {
            let mut state = self.state();
            state.used_at = now;
            if let Some(held) = state.wanted(want, now) {
                return Ok(held);
            }
            if !state.may_fetch(want, now) {
                return state.left(now);
            }
        }
        let (this, fetcher, its_clock) = (Arc::clone(self), fetcher.clone(), clock.clone());
        // To its end, even if the caller goes away: what is learned counts for the next one.
        let fetching = async move { this.fetch(want, &fetcher, &its_clock).await };
        // If it panics, there is what there was.
        let _ended = tokio::spawn(fetching.in_current_span()).await;
        self.state().left(clock.elapsed())
    }

    /// Fetches it, unless another caller has done so meanwhile.
    async fn fetch(&self, want: Want, fetcher: &Fetcher, clock: &Clock) {
        let _turn = self.turn.lock().await;
        {
            let (mut state, now) = (self.state(), clock.elapsed());
            if state.wanted(want, now).is_some() || !state.may_fetch(want, now) {
                return;
            }
            if want != Want::Fresh {
                state.asked_at = Some(now);
            }
        }
        let fetched = self.source.fetch(fetcher).await;
        self.settle(fetched, clock.elapsed());
    }

    /// Keeps what was fetched. It is told once when it begins to fail, and once when it works again.
    fn settle(&self, fetched: Result<FetchedKeys, SourceError>, now: Duration) {
        let (mut state, url) = (self.state(), self.source.url());
        match fetched {
            Ok(fetched) => {
                if state.failures > 0 {
                    tracing::info!(%url, failures = state.failures, "a key set can be fetched again");
                }
                state.fetched(fetched, now);
            }
            Err(error) => {
                if state.failures == 0 {
                    let why = told(&error);
                    tracing::warn!(%url, why, "a key set can't be fetched; it is tried again");
                }
                state.failed(now);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn fetched(fresh_for: Duration) -> FetchedKeys {
        FetchedKeys { keys: KeySet::default(), fresh_for }
    }

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_key_set_is_used_for_its_time_and_for_an_hour_more_where_it_cannot_be_fetched() {
        let mut state = State::default();
        assert!(state.may_fetch(Want::Fresh, Duration::ZERO));
        assert!(state.left(Duration::ZERO).is_err());
        state.fetched(fetched(MINUTE), Duration::ZERO);
        assert!(state.wanted(Want::Fresh, seconds(59)).is_some());
        assert!(state.wanted(Want::Fresh, MINUTE).is_none());
        assert!(state.may_fetch(Want::Fresh, MINUTE));
        state.failed(MINUTE);
        assert!(state.left(61 * MINUTE - seconds(1)).is_ok());
        assert_eq!(state.left(61 * MINUTE).unwrap_err(), Unavailable);
    }

    #[test]
    fn a_failing_source_is_asked_less_and_less_and_at_least_once_a_minute() {
        let mut state = State::default();
        let mut now = Duration::ZERO;
        let mut pauses = Vec::new();
        for _ in 0..9 {
            state.failed(now);
            assert!(!state.may_fetch(Want::Fresh, state.retry_at - seconds(1)));
            assert!(state.may_fetch(Want::Fresh, state.retry_at));
            pauses.push((state.retry_at - now).as_secs());
            now = state.retry_at;
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        state.fetched(fetched(MINUTE), now);
        state.failed(now);
        assert_eq!(state.retry_at, now + seconds(1), "it begins anew");
    }

    #[test]
    fn an_unknown_key_makes_it_be_fetched_at_most_every_thirty_seconds() {
        let mut state = State::default();
        state.fetched(fetched(MINUTE), Duration::ZERO);
        let lacking = Want::NewerThan(0);
        assert!(state.wanted(lacking, seconds(1)).is_none());
        assert!(state.may_fetch(lacking, seconds(1)));
        state.asked_at = Some(seconds(1));
        assert!(!state.may_fetch(lacking, seconds(30)));
        assert!(state.may_fetch(lacking, seconds(31)));
        state.fetched(fetched(MINUTE), seconds(2));
        assert_eq!(state.wanted(lacking, seconds(2)).map(|held| held.number), Some(1));
        assert!(state.wanted(Want::NewerThan(1), seconds(2)).is_none());
        assert!(state.may_fetch(Want::Fresh, seconds(2)), "its time is another matter");
    }
}
