//! The engine's Prometheus metrics.

use std::{sync::atomic::AtomicU64, time::Duration};

use prometheus_client::{
    encoding::{EncodeLabelSet, EncodeLabelValue},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};

use super::choice::Setting;

/// Buckets of the wait histogram, in seconds.
const BUCKETS: [f64; 10] = [0.001, 0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// Why a job was not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub(super) enum Reason {
    /// The queue is full.
    QueueFull,
    /// The deadline cannot be met.
    Deadline,
    /// Displaced by a job of another address (fairness).
    Unfair,
    /// The caller has gone.
    Gone,
    /// The hash of another system needs more memory than is configured.
    Memory,
    /// A bug.
    Broken,
}

impl Reason {
    const ALL: [Self; 6] =
        [Self::QueueFull, Self::Deadline, Self::Unfair, Self::Gone, Self::Memory, Self::Broken];
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Refused {
    reason: Reason,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfKernel {
    kernel: &'static str,
}

/// The engine's metrics. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Figures {
    queue: Gauge,
    lanes: Gauge,
    done: Counter,
    late: Counter,
    malformed: Counter,
    refused: Family<Refused, Counter>,
    wait: Histogram,
    sustainable: Gauge<f64, AtomicU64>,
    setting: Family<OfKernel, Gauge>,
}

impl Default for Figures {
    fn default() -> Self {
        Self {
            queue: Gauge::default(),
            lanes: Gauge::default(),
            done: Counter::default(),
            late: Counter::default(),
            malformed: Counter::default(),
            refused: Family::default(),
            wait: Histogram::new(BUCKETS),
            sustainable: Gauge::default(),
            setting: Family::default(),
        }
    }
}

impl Figures {
    /// Registers the metrics.
    pub fn register(&self, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("countersign_password");
        registry.register("queue_length", "Hashes that wait", self.queue.clone());
        registry.register("lanes_in_use", "Hashes that run", self.lanes.clone());
        registry.register("hashes", "Hashes done", self.done.clone());
        registry.register("late_hashes", "Hashes done after their deadline", self.late.clone());
        registry.register(
            "malformed_hashes",
            "Stored hashes that could not be used",
            self.malformed.clone(),
        );
        registry.register("refusals", "Hashes not done, by reason", self.refused.clone());
        // From 0 on: Prometheus sees no increase in a series that begins with 1.
        for reason in Reason::ALL {
            drop(self.refused.get_or_create(&Refused { reason }));
        }
        registry.register(
            "sustainable_hashes_per_second",
            "Hashes of the configured cost that all lanes do in a second, as last measured",
            self.sustainable.clone(),
        );
        registry.register(
            "lanes",
            "Hashes that each thread runs side by side, by the kernel in use",
            self.setting.clone(),
        );
        let help = "How long hashes waited for a lane";
        registry.register_with_unit("wait", help, Unit::Seconds, self.wait.clone());
    }

    /// Jobs in the queue.
    pub fn queue_length(&self) -> i64 {
        self.queue.get()
    }

    /// Jobs in lanes.
    pub fn lanes_in_use(&self) -> i64 {
        self.lanes.get()
    }

    /// Jobs done, and those of them that missed their deadline.
    pub fn done_and_late(&self) -> (u64, u64) {
        (self.done.get(), self.late.get())
    }

    /// Stored hashes that could not be used.
    #[cfg(test)]
    pub(in crate::password) fn malformed_hashes(&self) -> u64 {
        self.malformed.get()
    }

    pub(in crate::password) fn malformed(&self) {
        self.malformed.inc();
    }

    pub(super) fn queue(&self, length: usize) {
        self.queue.set(i64::try_from(length).unwrap_or(i64::MAX));
    }

    pub(super) fn lanes(&self, in_use: usize) {
        self.lanes.set(i64::try_from(in_use).unwrap_or(i64::MAX));
    }

    /// Throughput with all lanes in use: one hash every `interval`.
    pub(super) fn sustainable(&self, interval: Duration) {
        self.sustainable.set(interval.as_secs_f64().recip());
    }

    /// The setting in force.
    pub(super) fn setting(&self, setting: Setting) {
        let (kernel, lanes) = (setting.kernel_name(), setting.lanes.get());
        self.setting.clear();
        self.setting
            .get_or_create(&OfKernel { kernel })
            .set(i64::try_from(lanes).unwrap_or(i64::MAX));
        tracing::info!(kernel, lanes, "hashing engine");
    }

    pub(super) fn begun(&self, after: Duration) {
        self.wait.observe(after.as_secs_f64());
    }

    pub(super) fn done(&self, late: bool) {
        self.done.inc();
        if late {
            self.late.inc();
        }
    }

    pub(super) fn refused(&self, reason: Reason) {
        self.refused.get_or_create(&Refused { reason }).inc();
    }

    #[cfg(test)]
    pub(super) fn refusals(&self, reason: Reason) -> u64 {
        self.refused.get_or_create(&Refused { reason }).get()
    }
}
