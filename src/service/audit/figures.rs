//! Metrics of the audit log, for Prometheus.

use std::{
    sync::atomic::{AtomicI64, AtomicU64},
    time::Duration,
};

use prometheus_client::{metrics::gauge::Gauge, registry::Registry};

#[derive(Debug, Clone, Default)]
pub(super) struct Figures {
    lag: Gauge<f64, AtomicU64>,
    streams: Gauge<i64, AtomicI64>,
}

/// One open stream, counted until drop.
#[derive(Debug)]
pub(super) struct Counted(Gauge<i64, AtomicI64>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Figures {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "countersign_events_lag_seconds",
            "The age of the oldest event that has no number yet, which no stream and no webhook can tell; 0 where all have one; the same \
             for all replicas",
            self.lag.clone(),
        );
        registry.register(
            "countersign_event_streams",
            "Streams of events that are open",
            self.streams.clone(),
        );
    }

    pub(super) fn lag(&self, lag: Duration) {
        self.lag.set(lag.as_secs_f64());
    }

    pub(super) fn open(&self) -> Counted {
        self.streams.inc();
        Counted(self.streams.clone())
    }
}
