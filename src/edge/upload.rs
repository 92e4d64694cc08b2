//! What becomes of a request's body, which another task reads than the one that observes the call.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

/// The body of one request. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Upload(Arc<State>);

#[derive(Debug, Default)]
struct State {
    received: AtomicU64,
    broke_off: AtomicBool,
}

impl Upload {
    /// Counts bytes of messages that were received.
    pub(crate) fn receives(&self, bytes: u64) {
        self.0.received.fetch_add(bytes, Ordering::Relaxed);
    }

    /// The bytes of the messages that were received.
    pub(crate) fn received(&self) -> u64 {
        self.0.received.load(Ordering::Relaxed)
    }

    /// The caller has reset the stream, or the connection ended, before the body was complete.
    pub(crate) fn breaks_off(&self) {
        self.0.broke_off.store(true, Ordering::Relaxed);
    }

    /// Whether that has happened.
    pub(crate) fn broke_off(&self) -> bool {
        self.0.broke_off.load(Ordering::Relaxed)
    }
}
