//! How often the log is read, and what streams say of it.

use std::time::Duration;

/// The intervals of polling and heartbeats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RevocationPace {
    /// The poll interval of the log, with or without announcements: three readings in the time in which one counts for the
    /// database (ADR 39).
    pub poll_every: Duration,
    /// The poll interval of the log of events.
    pub events_every: Duration,
    /// The heartbeat interval of a stream.
    pub heartbeat_every: Duration,
}

impl Default for RevocationPace {
    fn default() -> Self {
        Self {
            poll_every: Duration::from_millis(100),
            events_every: Duration::from_millis(250),
            heartbeat_every: Duration::from_secs(5),
        }
    }
}

impl RevocationPace {
    /// How long streams take a reading for fresh: a second, within which a new revocation is to be known.
    pub(in crate::service) fn fresh_for(self) -> Duration {
        self.poll_every * 10
    }
}
