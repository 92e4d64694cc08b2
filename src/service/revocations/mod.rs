//! Revocations: what has ended that tokens do not tell yet, read once by each replica, for any number of streams.

mod log;
mod watch_revocations;

use std::{convert::Infallible, sync::Arc, time::Duration};

use tokio::sync::Notify;

use self::log::RevocationLog;
use crate::{service::Clock, store::Store};

pub use self::{
    log::RevocationPace,
    watch_revocations::{RevocationStream, RevocationUpdate, longest_stream},
};

/// One replica's log of revocations, and the streams of it.
#[derive(Debug)]
pub struct Revocations {
    store: Arc<dyn Store>,
    clock: Clock,
    log: RevocationLog,
}

impl Revocations {
    /// A log that has read nothing yet. Streams last `stream_age`, more or less.
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

    /// Woken when a signing key was withdrawn, here or by another replica or a command.
    pub fn key_withdrawn(&self) -> Arc<Notify> {
        Arc::clone(&self.log.key_withdrawn)
    }

    /// Ends all streams of revocations: an open one would keep the server from ending.
    pub fn end_streams(&self) {
        self.log.end_streams();
    }

    /// How many streams of revocations are open, for metrics.
    pub fn streams(&self) -> usize {
        self.log.streams()
    }
}
