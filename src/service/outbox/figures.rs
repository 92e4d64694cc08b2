//! Figures of the outbox, for Prometheus.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

/// What a message is about; a word of `delivery`'s.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    kind: &'static str,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Figures {
    waiting: Gauge,
    delivered: Family<Labels, Counter>,
    failed: Family<Labels, Counter>,
}

impl Figures {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "countersign_outbox_waiting",
            "Messages that are not sent yet; the same for all replicas",
            self.waiting.clone(),
        );
        registry.register(
            "countersign_outbox_delivered",
            "Messages that this replica has sent",
            self.delivered.clone(),
        );
        registry.register(
            "countersign_outbox_failed",
            "Messages that this replica has given up",
            self.failed.clone(),
        );
    }

    pub(super) fn waiting(&self, messages: i64) {
        self.waiting.set(messages);
    }

    pub(super) fn delivered(&self, kind: &'static str) {
        self.delivered.get_or_create(&Labels { kind }).inc();
    }

    pub(super) fn failed(&self, kind: &'static str) {
        self.failed.get_or_create(&Labels { kind }).inc();
    }
}
