//! Metrics of the audit log, for Prometheus.

use std::{
    sync::atomic::{AtomicI64, AtomicU64},
    time::Duration,
};

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

use crate::store::SubscriptionWork;

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

const DELIVERED: &str = "delivered";
const FAILED: &str = "failed";
const GIVEN_UP: &str = "given_up";

/// A word of ours.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    outcome: &'static str,
}

/// Metrics of subscriptions.
#[derive(Debug, Clone, Default)]
pub struct DeliveryFigures {
    enabled: Gauge,
    failing: Gauge,
    deliveries: Family<Labels, Counter>,
}

impl DeliveryFigures {
    /// Registers the metrics.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "countersign_subscriptions",
            "Subscriptions that are not disabled; the same for all replicas",
            self.enabled.clone(),
        );
        registry.register(
            "countersign_subscriptions_failing",
            "Of these, those whose last delivery failed; after a day they are disabled; the same for all replicas",
            self.failing.clone(),
        );
        registry.register(
            "countersign_event_deliveries",
            "Deliveries of events to subscriptions by this replica: delivered, failed (tried again), given_up",
            self.deliveries.clone(),
        );
        // From 0 on: Prometheus sees no increase in a series that begins with 1.
        for outcome in [DELIVERED, FAILED, GIVEN_UP] {
            drop(self.deliveries.get_or_create(&Labels { outcome }));
        }
    }

    pub(super) fn subscriptions(&self, work: &[SubscriptionWork]) {
        let number = |count| i64::try_from(count).unwrap_or(i64::MAX);
        self.enabled.set(number(work.len()));
        self.failing.set(number(work.iter().filter(|work| work.is_failing).count()));
    }

    pub(super) fn delivered(&self) {
        self.count(DELIVERED);
    }

    pub(super) fn failed(&self) {
        self.count(FAILED);
    }

    pub(super) fn given_up(&self) {
        self.count(GIVEN_UP);
    }

    fn count(&self, outcome: &'static str) {
        self.deliveries.get_or_create(&Labels { outcome }).inc();
    }
}
