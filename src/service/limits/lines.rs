//! In-memory concurrency limits (bulkheads), of two kinds. Before a budget, attempts of one account wait for those
//! before them; before the store, logins wait that have a password to be hashed (backpressure).
//!
//! An attempt is charged before it is known to be right. Without the first kind, a dozen right passwords of one account
//! at once would be charged as a dozen failures, and most of them refused. The lines only smooth: the limits that
//! decide are in the store.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};

use crate::domain::FREE_ATTEMPTS;

type Key = [u8; 32];

/// Concurrent password checks of one budget on this replica: as many as may fail without a delay.
const AT_ONCE: usize = FREE_ATTEMPTS as usize;

/// Concurrent logins that query the store before their password is hashed: more would only queue there, and delay the
/// calls that need no hash.
const ASKING: usize = 64;

/// The budgets with attempts under way, and a line before the store. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Lines {
    budgets: Arc<Mutex<HashMap<Key, Arc<Semaphore>>>>,
    store: Arc<Semaphore>,
}

impl Default for Lines {
    fn default() -> Self {
        Self { budgets: Arc::default(), store: Arc::new(Semaphore::new(ASKING)) }
    }
}

/// A place at the head of a line, or on the way there; freed on drop.
#[derive(Debug)]
pub(super) struct Place {
    lines: Lines,
    key: Key,
    permit: Option<OwnedSemaphorePermit>,
}

impl Lines {
    /// Waits for the caller's turn to query the store.
    pub(super) async fn ask_store(&self) -> Option<SemaphorePermit<'_>> {
        // Never an error: the semaphore is never closed.
        self.store.acquire().await.ok()
    }

    /// Waits for the caller's turn.
    pub(super) async fn enter(&self, key: Key) -> Place {
        let line = {
            let mut lines = self.budgets.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(lines.entry(key).or_insert_with(|| Arc::new(Semaphore::new(AT_ONCE))))
        };
        let mut place = Place { lines: self.clone(), key, permit: None };
        // Never an error: the semaphore is never closed.
        place.permit = line.acquire_owned().await.ok();
        place
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.permit = None;
        let mut lines = self.lines.budgets.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.get(&self.key).is_some_and(|line| Arc::strong_count(line) == 1) {
            lines.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use futures_util::poll;

    use super::*;

    #[tokio::test]
    async fn five_go_and_the_sixth_waits_and_whoever_leaves_leaves_nothing_behind() {
        let lines = Lines::default();
        let mut places = Vec::new();
        for _ in 0..AT_ONCE {
            places.push(lines.enter([1; 32]).await);
        }
        drop(lines.enter([2; 32]).await);
        {
            let mut waits = pin!(lines.enter([1; 32]));
            let mut gives_up = Box::pin(lines.enter([1; 32]));
            assert!(poll!(&mut waits).is_pending() && poll!(&mut gives_up).is_pending());
            drop(places.pop());
            drop(gives_up);
            drop(waits.await);
        }
        assert_eq!(lines.budgets.lock().unwrap().len(), 1);
        drop(places);
        assert!(lines.budgets.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn one_who_gives_up_after_all_others_have_gone_leaves_nothing_behind() {
        let lines = Lines::default();
        let mut places = Vec::new();
        for _ in 0..AT_ONCE {
            places.push(lines.enter([1; 32]).await);
        }
        let mut gives_up = Box::pin(lines.enter([1; 32]));
        assert!(poll!(&mut gives_up).is_pending());
        drop(places);
        drop(gives_up);
        assert!(lines.budgets.lock().unwrap().is_empty());
    }
}
