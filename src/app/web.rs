//! What HTTP answers from.

use std::sync::Arc;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::parts::Parts;
use crate::{
    config::Listen, delivery::Delivery, edge::Gate, gateway::Gateway, grpc, http,
    telemetry::Metrics,
};

/// What the state of the routes is made of.
pub(super) struct Web<'a> {
    pub(super) parts: &'a Parts,
    pub(super) gate: &'a Arc<Gate>,
    pub(super) listen: &'a Listen,
    pub(super) delivery: &'a Delivery,
}

impl Web<'_> {
    /// The state of the routes. `rpcs` are those of gRPC's listener: AdminService is not among them where it has an
    /// address of its own.
    pub(super) fn site(
        &self,
        rpcs: &grpc::Routes,
        limits: grpc::Limits,
        metrics: &Metrics,
        ready: watch::Receiver<bool>,
        draining: CancellationToken,
    ) -> http::Site {
        let Self { parts, gate, listen, delivery } = *self;
        http::Site {
            keys: Arc::clone(&parts.keys),
            verdicts: Arc::clone(&parts.verdicts),
            service_accounts: Arc::clone(&parts.service_accounts),
            gate: Arc::clone(gate),
            gateway: self.gateway(rpcs, limits, metrics),
            pages: http::Pages { docs: listen.docs, home: listen.home },
            inbox: delivery.inbox().filter(|_| listen.home).cloned(),
            origins: listen.origins.clone(),
            trusted_proxies: listen.trusted_proxies.clone(),
            figures: self.figures(metrics.clone()),
            metrics: metrics.clone(),
            ready,
            draining,
        }
    }

    fn gateway(&self, rpcs: &grpc::Routes, limits: grpc::Limits, metrics: &Metrics) -> Gateway {
        let (gate, metrics) = (Arc::clone(self.gate), metrics.clone());
        let proxies = self.listen.trusted_proxies.clone();
        let rpcs = grpc::in_process(rpcs.clone(), gate, metrics, limits, proxies);
        Gateway::new(rpcs, limits.max_request)
    }

    /// The renderer of `/metrics`.
    fn figures(&self, metrics: Metrics) -> http::Figures {
        let store = Arc::clone(&self.parts.store);
        let revocations = Arc::clone(&self.parts.revocations);
        http::Figures::new(move || metrics.render(store.pool_use(), revocations.streams()))
    }
}
