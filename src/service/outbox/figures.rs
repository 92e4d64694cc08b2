//! Metrics of the outbox, for Prometheus.

use std::sync::atomic::AtomicU64;

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

use crate::{
    delivery::FailureKind,
    domain::Timestamp,
    store::{OutboxState, Priority},
};

/// The kind of a message; a word of `delivery`'s.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    kind: &'static str,
}

/// The reason why a try failed, or nothing gets through; a word of ours.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CauseLabels {
    cause: &'static str,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Figures {
    waiting: Gauge,
    oldest: Family<Labels, Gauge<f64, AtomicU64>>,
    delivered: Family<Labels, Counter>,
    failed: Family<Labels, Counter>,
    tries_failed: Family<CauseLabels, Counter>,
    trouble: Family<CauseLabels, Gauge>,
}

impl Figures {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "countersign_outbox_waiting",
            "Messages that are not sent yet, up to 10,000; the same for all replicas",
            self.waiting.clone(),
        );
        registry.register(
            "countersign_outbox_oldest_seconds",
            "For how long the oldest message that could be sent now has waited for that, 0 where none does; the same for all replicas",
            self.oldest.clone(),
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
        registry.register(
            "countersign_outbox_tries_failed",
            "Tries of this replica that failed: refused and recipient (one message), away, setup, unknown (it may have been accepted)",
            self.tries_failed.clone(),
        );
        registry.register(
            "countersign_outbox_trouble",
            "1 while this replica's messages do not get through: away (it may pass), setup (somebody must change something), recipients (none of them is accepted)",
            self.trouble.clone(),
        );
    }

    /// Sets the gauges from the state at `now`.
    pub(super) fn state(&self, state: &OutboxState, now: Timestamp) {
        self.waiting.set(state.waiting);
        for (priority, due_since) in Priority::ALL.into_iter().zip(state.due_since) {
            let kind = word(priority);
            let age = due_since.map_or(0.0, |since| now.since(since).as_secs_f64());
            self.oldest.get_or_create(&Labels { kind }).set(age);
        }
    }

    pub(super) fn delivered(&self, kind: &'static str) {
        self.delivered.get_or_create(&Labels { kind }).inc();
    }

    pub(super) fn failed(&self, kind: &'static str) {
        self.failed.get_or_create(&Labels { kind }).inc();
    }

    pub(super) fn try_failed(&self, kind: FailureKind) {
        let cause = kind.name();
        self.tries_failed.get_or_create(&CauseLabels { cause }).inc();
    }

    pub(super) fn trouble(&self, cause: &'static str, lasts: bool) {
        self.trouble.get_or_create(&CauseLabels { cause }).set(i64::from(lasts));
    }
}

fn word(priority: Priority) -> &'static str {
    match priority {
        Priority::LoginCode => "login_code",
        Priority::Code => "code",
        Priority::Notice => "notice",
    }
}
