//! Metrics of authorisation, for Prometheus.

use std::sync::atomic::AtomicI64;

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

use super::decision::{Allowed, Refused};

/// The metrics. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct AuthorizationFigures {
    checks: Family<Labels, Counter>,
    rules_refused: Gauge<i64, AtomicI64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    decision: &'static str,
    reason: &'static str,
}

impl AuthorizationFigures {
    /// Registers them.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "countersign_authz_checks",
            "Requests to other services that were decided (Envoy's ext_authz), by decision and reason",
            self.checks.clone(),
        );
        registry.register(
            "countersign_authz_rules_refused",
            "1 while the file of rules has a mistake, so that those before stay in force",
            self.rules_refused.clone(),
        );
    }

    /// Whether the file of rules has a mistake.
    pub fn rules_refused(&self, are_refused: bool) {
        self.rules_refused.set(i64::from(are_refused));
    }

    pub(super) fn count(&self, decision: &Result<Allowed, Refused>) {
        let labels = match decision {
            Ok(allowed) => Labels { decision: "allowed", reason: allowed.reason() },
            Err(refused) => Labels { decision: "refused", reason: refused.reason() },
        };
        self.checks.get_or_create(&labels).inc();
    }
}
