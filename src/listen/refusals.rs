//! Refused connections: all are counted, few are logged. And the metrics of all listeners.

use std::{net::IpAddr, time::Instant};

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
    registry::Registry,
};

use super::{seldom::Seldom, tls};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    listener: &'static str,
}

/// The metrics of all listeners. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Figures {
    refused: Family<Labels, Counter>,
    /// Those of TLS.
    pub tls: tls::Figures,
}

impl Figures {
    /// Registers the metrics.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "countersign_connections_refused",
            "Connections that were closed at once, since their source had its share",
            self.refused.clone(),
        );
        self.tls.register(registry);
    }
}

/// The refused connections of one listener.
#[derive(Debug)]
pub(super) struct Refusals {
    listener: &'static str,
    counter: Counter,
    log: Seldom,
}

impl Refusals {
    pub(super) fn new(listener: &'static str, figures: &Figures) -> Self {
        let counter = figures.refused.get_or_create_owned(&Labels { listener });
        Self { listener, counter, log: Seldom::default() }
    }

    /// A connection from that address was refused.
    pub(super) fn count(&self, address: IpAddr) {
        self.counter.inc();
        if let Some(refused) = self.log.count(Instant::now()) {
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
