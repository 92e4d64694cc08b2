//! A token that was seen, and since when the log alone tells whether it lives.

use std::sync::atomic::{AtomicU32, Ordering};

use crate::{service::revocations::History, token::SignedToken};

/// A token with a verified signature.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) token: SignedToken,
    /// The history in which the database has said that it lives; 0 if it was not asked.
    lived_in: AtomicU32,
}

impl Seen {
    pub(super) fn new(token: SignedToken) -> Self {
        Self { token, lived_in: AtomicU32::new(0) }
    }

    /// Whether whatever ends the token is in this history. What was issued before it may have ended before it, too, and not
    /// be in this log: the database is asked once.
    pub(super) fn is_in(&self, history: History) -> bool {
        self.token.issued_at() > history.since.unix_seconds()
            || self.lived_in.load(Ordering::Relaxed) == history.number
    }

    /// The database has said that it lives, and was asked in this history.
    pub(super) fn lives_in(&self, history: History) {
        self.lived_in.store(history.number, Ordering::Relaxed);
    }
}
