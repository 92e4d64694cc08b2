//! State shared by the workers and the callers.

use std::sync::{
    Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use super::{
    beside::Besides, dearest::Dearest, figures::Figures, job::Waiting, plan::Plan, queue::Queue,
};

/// State shared by the workers and the callers.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) state: Mutex<State>,
    /// Signalled when there is work, and at shutdown.
    pub(super) work: Condvar,
    pub(super) workers: usize,
    /// The work of a hash of the configured cost. Every estimate assumes at least as much: a refusal must not tell the cost
    /// of the account's hash.
    pub(super) usual_steps: u64,
    /// Checked and measured by the first worker, while the others wait.
    pub(super) plan: OnceLock<Plan>,
    /// See `Engine::rest_while`.
    pub(super) rest: OnceLock<Arc<AtomicBool>>,
    pub(super) figures: Figures,
    /// Checks of other systems' hashes.
    pub(super) besides: Arc<Besides>,
    /// How much longer than a bcrypt they take.
    pub(super) dearest: Dearest,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) queue: Queue<Waiting>,
    /// Lanes in use, by worker.
    pub(super) occupied: Vec<usize>,
    /// Jobs announced but not yet queued.
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
