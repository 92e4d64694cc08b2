//! In-memory concurrency limits (bulkheads), of two kinds. Before a budget, attempts of one account wait for those
//! before them; before the store, logins wait that have a password to be hashed (backpressure).
//!
//! An attempt is charged before it is known to be right. Without the first kind, a dozen right passwords of one account
//! at once would be charged as a dozen failures, and most of them refused. The lines only smooth: the limits that
//! decide are in the store. A place tells how long it will wait, so that who can't be served in time is refused at once.

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
    budgets: Arc<Mutex<HashMap<Key, Line>>>,
    store: Arc<Semaphore>,
}

/// The attempts of one budget.
#[derive(Debug)]
struct Line {
    turns: Arc<Semaphore>,
    /// Those under way and those that wait.
    inside: usize,
}

impl Default for Lines {
    fn default() -> Self {
        Self { budgets: Arc::default(), store: Arc::new(Semaphore::new(ASKING)) }
    }
}

/// A place in a line; freed on drop.
#[derive(Debug)]
pub(super) struct Place {
    lines: Lines,
    key: Key,
    ahead: usize,
    turns: Arc<Semaphore>,
    turn: Option<OwnedSemaphorePermit>,
}

impl Lines {
    /// Waits for the caller's turn to query the store.
    pub(super) async fn ask_store(&self) -> Option<SemaphorePermit<'_>> {
        // Never an error: the semaphore is never closed.
        self.store.acquire().await.ok()
    }

    /// Takes a place at the end of a line.
    pub(super) fn join(&self, key: Key) -> Place {
        let mut lines = self.budgets.lock().unwrap_or_else(PoisonError::into_inner);
        let line = lines
            .entry(key)
            .or_insert_with(|| Line { turns: Arc::new(Semaphore::new(AT_ONCE)), inside: 0 });
        let (ahead, turns) = (line.inside, Arc::clone(&line.turns));
        line.inside += 1;
        Place { lines: self.clone(), key, ahead, turns, turn: None }
    }
}

impl Place {
    /// How many password checks, one after the other, the caller waits for at the most.
    pub(super) fn rounds_before(&self) -> u32 {
        u32::try_from(self.ahead / AT_ONCE).unwrap_or(u32::MAX)
    }

    /// Waits for the caller's turn.
    pub(super) async fn turn(&mut self) {
        // Never an error: the semaphore is never closed.
        self.turn = Arc::clone(&self.turns).acquire_owned().await.ok();
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.turn = None;
        let mut lines = self.lines.budgets.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(line) = lines.get_mut(&self.key) {
            line.inside -= 1;
            if line.inside == 0 {
                lines.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use futures_util::poll;

    use super::*;

    async fn at_the_head(lines: &Lines, key: Key) -> Place {
        let mut place = lines.join(key);
        place.turn().await;
        place
    }

    #[tokio::test]
    async fn five_go_and_the_sixth_waits_and_whoever_leaves_leaves_nothing_behind() {
        let lines = Lines::default();
        let mut places = Vec::new();
        for _ in 0..AT_ONCE {
            places.push(at_the_head(&lines, [1; 32]).await);
        }
        drop(at_the_head(&lines, [2; 32]).await);
        {
            let mut waits = pin!(at_the_head(&lines, [1; 32]));
            let mut gives_up = Box::pin(at_the_head(&lines, [1; 32]));
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
            places.push(at_the_head(&lines, [1; 32]).await);
        }
        let mut gives_up = Box::pin(at_the_head(&lines, [1; 32]));
        assert!(poll!(&mut gives_up).is_pending());
        drop(places);
        drop(gives_up);
        assert!(lines.budgets.lock().unwrap().is_empty());
    }

    #[test]
    fn each_five_ahead_are_a_round_and_those_that_left_are_not_ahead() {
        let lines = Lines::default();
        let mut places: Vec<_> = (0..12).map(|_| lines.join([1; 32])).collect();
        let rounds: Vec<_> = places.iter().map(Place::rounds_before).collect();
        assert_eq!(rounds, [0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 2, 2]);
        assert_eq!(lines.join([2; 32]).rounds_before(), 0, "a line of its own");
        places.drain(..8);
        assert_eq!(lines.join([1; 32]).rounds_before(), 0);
    }
}
