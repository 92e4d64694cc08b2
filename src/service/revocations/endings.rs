//! New revocations, for streams of other things: each ends with what opened it.

use std::sync::Arc;

use tokio::sync::watch;

use super::{Revocations, known::Known};
use crate::domain::Revocation;

/// The revocations from some moment on.
#[derive(Debug)]
pub(in crate::service) struct Endings {
    known: Arc<watch::Sender<Known>>,
    heads: watch::Receiver<i64>,
    /// The number of the last one that was looked at.
    seen: i64,
}

impl Revocations {
    /// All that void tokens of today, and those to come. `None` if the log can't read its store.
    pub(in crate::service) async fn endings(&self) -> Option<Endings> {
        let (known, heads) = (self.log.known(), self.log.heads());
        self.log.catch_up().await.then_some(Endings { known, heads, seen: 0 })
    }
}

impl Endings {
    /// Whether there is such a revocation among those that were not looked at before.
    pub(in crate::service) fn has_new(&mut self, is_such: impl Fn(&Revocation) -> bool) -> bool {
        let known = self.known.borrow();
        // A lower number shows that the database was restored: all of it is new.
        let seen = if self.seen > known.head() { 0 } else { self.seen };
        self.seen = known.head();
        self.heads.mark_unchanged();
        known.has_after(seen, is_such)
    }

    /// Passes over those of before.
    pub(in crate::service) fn pass_over(&mut self) {
        self.has_new(|_| false);
    }

    /// Waits for a new revocation.
    pub(in crate::service) async fn changed(&mut self) {
        if self.heads.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
