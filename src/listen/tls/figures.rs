//! The metrics of TLS.

use std::time::SystemTime;

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::{Registry, Unit},
};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    listener: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResultLabels {
    listener: &'static str,
    result: &'static str,
}

/// The metrics of all listeners with TLS. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Figures {
    handshakes: Family<ResultLabels, Counter>,
    reloads: Family<ResultLabels, Counter>,
    expires_in: Family<Labels, Gauge>,
    refused: Family<Labels, Gauge>,
}

/// How a handshake ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Done,
    Failed,
    TimedOut,
}

/// The handshakes of one listener.
#[derive(Debug, Clone)]
pub(crate) struct Outcomes {
    done: Counter,
    failed: Counter,
    timed_out: Counter,
}

/// The certificate of one listener.
#[derive(Debug)]
pub(super) struct Renewals {
    loaded: Counter,
    pub(super) refused: Counter,
    expires_in: Gauge,
    is_refused: Gauge,
}

impl Figures {
    pub(crate) fn register(&self, registry: &mut Registry) {
        registry.register(
            "countersign_tls_handshakes",
            "TLS handshakes that ended, by result",
            self.handshakes.clone(),
        );
        registry.register(
            "countersign_tls_reloads",
            "Changed certificate files that were read, by result",
            self.reloads.clone(),
        );
        registry.register_with_unit(
            "countersign_tls_certificate_expires_in",
            "Time until the certificate in force expires; negative afterwards",
            Unit::Seconds,
            self.expires_in.clone(),
        );
        registry.register(
            "countersign_tls_files_refused",
            "Whether the certificate files that are there now are refused: 1, and earlier ones are in force",
            self.refused.clone(),
        );
    }

    pub(crate) fn outcomes(&self, listener: &'static str) -> Outcomes {
        let of = |result| self.handshakes.get_or_create_owned(&ResultLabels { listener, result });
        Outcomes { done: of("done"), failed: of("failed"), timed_out: of("timed_out") }
    }

    pub(super) fn renewals(&self, listener: &'static str) -> Renewals {
        let of = |result| self.reloads.get_or_create_owned(&ResultLabels { listener, result });
        Renewals {
            loaded: of("loaded"),
            refused: of("refused"),
            expires_in: self.expires_in.get_or_create_owned(&Labels { listener }),
            is_refused: self.refused.get_or_create_owned(&Labels { listener }),
        }
    }
}

impl Outcomes {
    pub(crate) fn count(&self, outcome: Outcome) {
        let counter = match outcome {
            Outcome::Done => &self.done,
            Outcome::Failed => &self.failed,
            Outcome::TimedOut => &self.timed_out,
        };
        counter.inc();
    }
}

impl Renewals {
    pub(super) fn loaded(&self) {
        self.loaded.inc();
        self.is_refused.set(0);
    }

    pub(super) fn refused(&self) {
        self.refused.inc();
        self.is_refused.set(1);
    }

    /// The files in force are there again.
    pub(super) fn mended(&self) {
        self.is_refused.set(0);
    }

    pub(super) fn expires(&self, end: SystemTime, now: SystemTime) {
        let seconds = |left: std::time::Duration| i64::try_from(left.as_secs()).unwrap_or(i64::MAX);
        self.expires_in.set(match end.duration_since(now) {
            Ok(left) => seconds(left),
            Err(over) => -seconds(over.duration()),
        });
    }
}
