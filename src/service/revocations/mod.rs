//! Revocations of unexpired tokens, read once by each replica, for any number of streams.

mod ended;
mod endings;
mod known;
mod log;
mod pace;
mod unexpired;
mod watch_revocations;

use std::{convert::Infallible, sync::Arc, time::Duration};

use tokio::sync::Notify;

use self::log::RevocationLog;
use crate::{
    domain::TokenIds,
    service::Clock,
    store::{self, Store},
};

pub(in crate::service) use self::{
    endings::Endings,
    known::{CURRENT, History, Verdict},
    watch_revocations::lasts,
};
pub use self::{
    pace::RevocationPace,
    watch_revocations::{RevocationStream, RevocationUpdate, longest_stream},
};

/// One replica's log of revocations, and its streams.
#[derive(Debug)]
pub struct Revocations {
    store: Arc<dyn Store>,
    clock: Clock,
    log: RevocationLog,
}

impl Revocations {
    /// An empty log. Streams last about `stream_age`.
    pub fn new(
        store: Arc<dyn Store>,
        clock: Clock,
        pace: RevocationPace,
        stream_age: Duration,
    ) -> Self {
        Self { store, clock, log: RevocationLog::new(pace, stream_age) }
    }

    /// Never returns. Tails the revocation log: polls, and is woken by NOTIFY.
    pub async fn follow(&self) -> Infallible {
        let hearing = self.store.hear_revocations(&self.log.heard);
        let following = self.log.follow(self.store.as_ref(), &self.clock);
        tokio::join!(hearing, following).1
    }

    /// Reads what is new, as [`follow`](Self::follow) does again and again: one of them at a time.
    ///
    /// # Errors
    /// The store's.
    pub async fn read(&self) -> store::Result<()> {
        self.log.read(self.store.as_ref(), &self.clock).await
    }

    /// What is known of a token: what has ended it, however long ago that was read; that nothing has, if the log was read within
    /// `max_age`. What this replica has ended itself is known from before its commit.
    pub(in crate::service) fn verdict(&self, ids: &TokenIds, max_age: Duration) -> Verdict {
        // First: the log takes a revocation before it leaves this, so that one of the two has it.
        let is_ending = self.store.appended_here().may_void(ids);
        let verdict = self.log.verdict(ids, max_age, &self.clock);
        if is_ending && verdict != Verdict::Ended { Verdict::Ending } else { verdict }
    }

    /// Whether the log was read within `max_age`.
    pub(in crate::service) fn were_read_within(&self, max_age: Duration) -> bool {
        self.log.was_read_within(max_age, &self.clock)
    }

    /// Notified when a signing key was withdrawn, by this replica, another one or a command.
    pub fn key_withdrawn(&self) -> Arc<Notify> {
        Arc::clone(&self.log.key_withdrawn)
    }

    /// Ends all streams of revocations: an open one would block a graceful shutdown.
    pub fn end_streams(&self) {
        self.log.end_streams();
    }

    /// How long ago the log was read to its end, for metrics.
    pub fn lag(&self) -> Duration {
        self.log.lag()
    }

    /// The number up to which all revocations are known, and how long ago that was read; never is `None`.
    pub fn position(&self) -> (i64, Option<Duration>) {
        let (head, read_at) = self.log.position();
        (head, read_at.map(|at| at.elapsed()))
    }

    /// The number of open streams, for metrics.
    pub fn streams(&self) -> usize {
        self.log.streams()
    }
}
