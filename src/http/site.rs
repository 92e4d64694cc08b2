//! What the routes answer from.

use std::{fmt, sync::Arc};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{
    delivery::Inbox,
    domain::{Origins, TrustedProxies},
    edge::{Gate, ServerHeader},
    gateway::Gateway,
    service::{Keys, ServiceAccounts, Verdicts},
    telemetry::Metrics,
};

/// The state of the routes.
#[derive(Debug, Clone)]
pub struct Site {
    /// The key set and the issuer.
    pub keys: Arc<Keys>,
    /// Introspects tokens.
    pub verdicts: Arc<Verdicts>,
    /// Issues and revokes the tokens of services.
    pub service_accounts: Arc<ServiceAccounts>,
    /// Authenticates services.
    pub gate: Arc<Gate>,
    /// Answers by RPCs.
    pub gateway: Gateway,
    /// Whether RPCs are answered.
    pub rpcs: bool,
    /// The pages that are on.
    pub pages: Pages,
    /// What the log delivery keeps, for the page of development.
    pub inbox: Option<Inbox>,
    /// What browsers look for about passkeys.
    pub well_known: WellKnown,
    /// The origins of web pages that may call.
    pub origins: Origins,
    /// Proxies whose forwarded addresses are trusted.
    pub trusted_proxies: TrustedProxies,
    /// Whether answers name the program.
    pub server_header: ServerHeader,
    /// Counts requests.
    pub metrics: Metrics,
    /// Renders the metrics.
    pub figures: Figures,
    /// Whether the service is ready.
    pub ready: watch::Receiver<bool>,
    /// Cancelled when the server is asked to stop, some time before it refuses connections: until then each answer
    /// closes its connection.
    pub draining: CancellationToken,
}

/// What an operator has set about passkeys.
#[derive(Debug, Clone, Default)]
pub struct WellKnown {
    /// The origins of other sites that share our passkeys.
    pub related_origins: Vec<String>,
    /// The page that adds passkeys.
    pub enroll_url: Option<String>,
    /// The page that lists them.
    pub manage_url: Option<String>,
}

/// The pages that are on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pages {
    /// The contract and its viewer.
    pub docs: bool,
    /// The page of the flow, with the development inbox.
    pub home: bool,
}

/// Renders the current metrics, in OpenMetrics.
#[derive(Clone)]
pub struct Figures(Arc<dyn Fn() -> Result<String, fmt::Error> + Send + Sync>);

impl Figures {
    /// Metrics that `render` produces.
    pub fn new(render: impl Fn() -> Result<String, fmt::Error> + Send + Sync + 'static) -> Self {
        Self(Arc::new(render))
    }

    /// The current metrics.
    pub(super) fn render(&self) -> Result<String, fmt::Error> {
        (self.0)()
    }
}

impl fmt::Debug for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Figures")
    }
}
