//! Refused connections: all are counted, few are logged.

use std::{
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
    registry::Registry,
};

/// The least time between log lines: a flood of connections must not flood the log.
const LOGGED_EVERY: Duration = Duration::from_secs(60);

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    listener: &'static str,
}

/// The metrics of all listeners. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Figures {
    refused: Family<Labels, Counter>,
}

impl Figures {
    /// Registers the metrics.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "countersign_connections_refused",
            "Connections that were closed at once, since their source had its share",
            self.refused.clone(),
        );
    }
}

/// The refused connections of one listener.
#[derive(Debug)]
pub(super) struct Refusals {
    listener: &'static str,
    counter: Counter,
    log: Mutex<Log>,
}

impl Refusals {
    pub(super) fn new(listener: &'static str, figures: &Figures) -> Self {
        let counter = figures.refused.get_or_create_owned(&Labels { listener });
        Self { listener, counter, log: Mutex::default() }
    }

    /// A connection from that address was refused.
    pub(super) fn count(&self, address: IpAddr) {
        self.counter.inc();
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(refused) = log.count(Instant::now()) {
            tracing::warn!(
                listener = self.listener,
                %address,
                refused,
                "a source has its share of the connections: more are closed at once (proxies that call for many belong in \
                 COUNTERSIGN_TRUSTED_PROXIES)"
            );
        }
    }
}

/// The time of the last log line, and the count since.
#[derive(Debug, Default)]
struct Log {
    written_at: Option<Instant>,
    since: u64,
}

impl Log {
    /// Counts a refusal. Returns the count since the last line, if another line is due.
    fn count(&mut self, now: Instant) -> Option<u64> {
        self.since += 1;
        let is_due = self.written_at.is_none_or(|at| now.duration_since(at) >= LOGGED_EVERY);
        is_due.then(|| {
            self.written_at = Some(now);
            std::mem::take(&mut self.since)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_most_one_line_a_minute_says_how_many_there_were() {
        let (mut log, begun) = (Log::default(), Instant::now());
        assert_eq!(log.count(begun), Some(1));
        for seconds in 0..60 {
            assert_eq!(log.count(begun + Duration::from_secs(seconds)), None);
        }
        assert_eq!(log.count(begun + Duration::from_secs(60)), Some(61));
        assert_eq!(log.count(begun + Duration::from_secs(61)), None);
    }
}
