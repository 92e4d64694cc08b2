//! Whether a request of another transport has become a call of an RPC. That leaves a line in the log of its own.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// Travels with a request. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reached(Arc<AtomicBool>);

impl Reached {
    /// The call begins.
    pub(crate) fn note(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it has begun.
    pub(crate) fn is_so(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
