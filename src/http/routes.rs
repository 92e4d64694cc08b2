//! The routes and their answers.

use std::{fmt, sync::Arc};

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, HeaderName, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::json;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{accept::Format, oauth};
use crate::{
    domain::TrustedProxies,
    edge::Gate,
    service::{Jwks, Keys, ServiceAccounts, Sessions},
    telemetry::text_format,
};

/// The state of the routes.
#[derive(Debug, Clone)]
pub struct Site {
    /// The key set and the issuer.
    pub keys: Arc<Keys>,
    /// Introspects tokens.
    pub sessions: Arc<Sessions>,
    /// Issues and revokes the tokens of services.
    pub service_accounts: Arc<ServiceAccounts>,
    /// Authenticates services.
    pub gate: Arc<Gate>,
    /// Proxies whose forwarded addresses are trusted.
    pub trusted_proxies: TrustedProxies,
    /// The metrics.
    pub figures: Figures,
    /// Whether the service is ready.
    pub ready: watch::Receiver<bool>,
    /// Cancelled when the server is asked to stop, some time before it refuses connections: until then each answer
    /// closes its connection.
    pub draining: CancellationToken,
}

/// Renders the current metrics, in OpenMetrics.
#[derive(Clone)]
pub struct Figures(Arc<dyn Fn() -> Result<String, fmt::Error> + Send + Sync>);

impl Figures {
    /// Metrics that `render` produces.
    pub fn new(render: impl Fn() -> Result<String, fmt::Error> + Send + Sync + 'static) -> Self {
        Self(Arc::new(render))
    }
}

impl fmt::Debug for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Figures")
    }
}

pub(super) const JWKS: &str = "/.well-known/jwks.json";
const DISCOVERY: &str = "/.well-known/openid-configuration";
const LIVEZ: &str = "/livez";
const READYZ: &str = "/readyz";
const METRICS: &str = "/metrics";

/// All routes.
pub(super) fn router(site: Site) -> Router {
    Router::new()
        .route(JWKS, get(jwks))
        .route(DISCOVERY, get(discovery))
        .route(LIVEZ, get(|| async { "alive\n" }))
        .route(READYZ, get(readyz))
        .route(METRICS, get(metrics))
        .merge(oauth::routes())
        .with_state(site)
}

/// The path of a route. Callers may invent others: the log does not repeat them.
pub(super) fn known_path(path: &str) -> &'static str {
    let routes = [
        JWKS,
        DISCOVERY,
        LIVEZ,
        READYZ,
        METRICS,
        oauth::TOKEN,
        oauth::INTROSPECT,
        oauth::REVOKE,
        oauth::METADATA,
    ];
    routes.into_iter().find(|known| *known == path).unwrap_or("unknown")
}

/// The key set (RFC 7517, section 5).
async fn jwks(State(site): State<Site>) -> Response {
    ([cache()], Json(site.keys.jwks())).into_response()
}

/// How long verifiers may cache the key set and the discovery document.
pub(super) fn cache() -> (HeaderName, String) {
    (header::CACHE_CONTROL, format!("public, max-age={}", Jwks::MAX_AGE.as_secs()))
}

/// OAuth's metadata, and the part of OpenID Connect Discovery 1.0 (section 3) that JWT verifiers read; there is no OpenID
/// provider behind it.
async fn discovery(State(site): State<Site>) -> Response {
    let mut document = oauth::document(&site);
    document["id_token_signing_alg_values_supported"] = json!(site.keys.algorithms());
    document["subject_types_supported"] = json!(["public"]);
    ([cache()], Json(document)).into_response()
}

async fn readyz(State(site): State<Site>) -> Response {
    if *site.ready.borrow() {
        "ready\n".into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not ready\n").into_response()
    }
}

async fn metrics(State(site): State<Site>, headers: HeaderMap) -> Response {
    let format = Format::asked_for(&headers);
    let figures = (site.figures.0)().and_then(|openmetrics| match format {
        Format::Text => text_format(&openmetrics),
        Format::OpenMetrics | Format::OpenMetrics001 => Ok(openmetrics),
    });
    match figures {
        Ok(text) => {
            let headers = [(header::CONTENT_TYPE, format.content_type()), (header::VARY, "accept")];
            (headers, text).into_response()
        }
        Err(error) => {
            tracing::error!(%error, "the metrics cannot be rendered");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
