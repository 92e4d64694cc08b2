//! What HTTP answers from.

use std::sync::Arc;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::parts::Parts;
use crate::{
    config::Listen,
    delivery::Delivery,
    edge::Gate,
    gateway::Gateway,
    http,
    telemetry::{Metrics, Readings},
};

/// What the state of the routes is made of.
pub(super) struct Web<'a> {
    pub(super) parts: &'a Parts,
    pub(super) gate: &'a Arc<Gate>,
    pub(super) listen: &'a Listen,
    pub(super) delivery: &'a Delivery,
}

impl Web<'_> {
    /// The state of the routes.
    pub(super) fn site(
        &self,
        gateway: Gateway,
        metrics: &Metrics,
        ready: watch::Receiver<bool>,
        draining: CancellationToken,
    ) -> http::Site {
        let Self { parts, gate, listen, delivery } = *self;
        // It shows RPCs.
        let home = listen.home && listen.http_rpcs;
        http::Site {
            keys: Arc::clone(&parts.keys),
            verdicts: Arc::clone(&parts.verdicts),
            service_accounts: Arc::clone(&parts.service_accounts),
            gate: Arc::clone(gate),
            gateway,
            rpcs: listen.http_rpcs,
            pages: http::Pages { docs: listen.docs, home },
            inbox: delivery.inbox().filter(|_| home).cloned(),
            well_known: http::WellKnown {
                related_origins: parts.ceremonies.related_origins().to_vec(),
                enroll_url: listen.passkey_pages.enroll.clone(),
                manage_url: listen.passkey_pages.manage.clone(),
            },
            origins: listen.origins.clone(),
            trusted_proxies: listen.trusted_proxies.clone(),
            server_header: listen.server_header(),
            figures: self.figures(metrics.clone()),
            metrics: metrics.clone(),
            ready,
            draining,
        }
    }

    /// The renderer of `/metrics`.
    fn figures(&self, metrics: Metrics) -> http::Figures {
        let store = Arc::clone(&self.parts.store);
        let revocations = Arc::clone(&self.parts.revocations);
        let keys = Arc::clone(&self.parts.keys);
        http::Figures::new(move || {
            metrics.render(&Readings {
                pool: store.pool_use(),
                revocation_streams: revocations.streams(),
                revocations_lag: revocations.lag(),
                signing_key: keys.signer_age(),
            })
        })
    }
}
