//! What the workers and the callers share.

use std::sync::{
    Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use super::{figures::Figures, job::Waiting, kernel::Plan, queue::Queue};

/// What the workers and the callers share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) state: Mutex<State>,
    /// Told when there is work, or no more to come.
    pub(super) work: Condvar,
    pub(super) workers: usize,
    /// The work of a hash of the configured cost. Every estimate supposes as much at the least: whether a job is refused
    /// must not tell what its account's hash costs.
    pub(super) usual_steps: u64,
    /// Measured by the first worker; the others wait for it.
    pub(super) plan: OnceLock<Plan>,
    /// See `Engine::rest_while`.
    pub(super) rest: OnceLock<Arc<AtomicBool>>,
    pub(super) figures: Figures,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) queue: Queue<Waiting>,
    /// Lanes in use, by worker.
    pub(super) occupied: Vec<usize>,
    /// Jobs that are to come.
    pub(super) announced: usize,
    pub(super) closed: bool,
}

impl Shared {
    pub(super) fn disk_is_busy(&self) -> bool {
        self.rest.get().is_some_and(|busy| busy.load(Ordering::Relaxed))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
