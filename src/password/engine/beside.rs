//! Hashes of other systems: each is checked on a thread of its own while a bcrypt of the same call runs in a lane.
//!
//! The call is admitted, queued and refused as that bcrypt, so that admission, deadline and fairness are those of every other call. A check
//! begins with its bcrypt. Memory-hard ones share a bound of memory: one that does not fit now waits, in its turn.

use std::{
    collections::VecDeque,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use super::{
    job::{Beside as Waiting, Checked, Error},
    priority,
};

/// The hint for retries of a check that waited for memory until its deadline.
const RETRY_AFTER: Duration = Duration::from_millis(100);

/// The checks, and the threads' shared state.
#[derive(Debug)]
pub(super) struct Besides {
    state: Mutex<State>,
    changed: Condvar,
    /// The most memory of all checks together, in bytes.
    memory: u64,
}

#[derive(Debug, Default)]
struct State {
    /// In the order in which their bcrypts began.
    waiting: VecDeque<(Waiting, Instant)>,
    /// The bytes that running checks have.
    in_use: u64,
    #[cfg(test)]
    begun: usize,
    closed: bool,
}

impl Besides {
    pub(super) fn new(memory: u64) -> Self {
        Self { state: Mutex::default(), changed: Condvar::new(), memory }
    }

    /// Whether a check of that many bytes can ever run.
    pub(super) fn can_hold(&self, memory: u64) -> bool {
        memory <= self.memory
    }

    /// Queues a check whose bcrypt has begun.
    pub(super) fn push(&self, waiting: Waiting, deadline: Instant) {
        self.lock().waiting.push_back((waiting, deadline));
        self.changed.notify_all();
    }

    /// How many checks have begun.
    #[cfg(test)]
    pub(super) fn begun(&self) -> usize {
        self.lock().begun
    }

    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next check, with its memory reserved; `None` once the engine shuts down.
    fn next(&self) -> Option<Waiting> {
        let mut state = self.lock();
        loop {
            state.drop_vain();
            let fits =
                |(first, _): &(Waiting, Instant)| state.in_use + first.check.memory <= self.memory;
            if state.waiting.front().is_some_and(fits)
                && let Some((first, _)) = state.waiting.pop_front()
            {
                state.in_use += first.check.memory;
                #[cfg(test)]
                {
                    state.begun += 1;
                }
                return Some(first);
            }
            if state.closed {
                return None;
            }
            state = self.wait(state);
        }
    }

    /// Until something changes, or the first one's deadline has passed.
    fn wait<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        let Some((_, deadline)) = state.waiting.front() else {
            return self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        };
        let left = deadline.saturating_duration_since(Instant::now());
        self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0
    }
}

impl State {
    /// Drops checks in front whose callers have gone or whose deadline has passed.
    fn drop_vain(&mut self) {
        while let Some((waiting, deadline)) = self.waiting.pop_front() {
            if waiting.answer.is_closed() {
                continue;
            }
            if Instant::now() < deadline {
                return self.waiting.push_front((waiting, deadline));
            }
            let late = Error::Overloaded { retry_after: RETRY_AFTER };
            let _gone = waiting.answer.send(Err(late));
        }
    }
}

/// The memory of a running check, until it ends, also by a panic.
struct Held<'a>(&'a Besides, u64);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.lock().in_use -= self.1;
        self.0.changed.notify_all();
    }
}

/// Starts one thread.
pub(super) fn start(besides: &Arc<Besides>, number: usize) -> std::io::Result<()> {
    let besides = Arc::clone(besides);
    let body = move || {
        priority::lower();
        while let Some(Waiting { check, answer }) = besides.next() {
            let _held = Held(&besides, check.memory);
            // A panic of a library refuses this call, and the thread goes on.
            let checked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(check.run));
            let checked = checked.map(|right| Checked { right, ended: Instant::now() });
            let _gone = answer.send(checked.map_err(|_panicked| Error::Broken));
        }
    };
    thread::Builder::new().name(format!("foreign-{number}")).spawn(body).map(drop)
}
