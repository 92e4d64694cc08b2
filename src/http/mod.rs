//! The HTTP side: what verifiers, probes and Prometheus fetch. It decides nothing and takes no input.

mod accept;
mod pace;
mod server;

use std::{future::Future, time::Duration};

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

use self::accept::Format;
use crate::{
    listen::Listener,
    service::{Jwks, UseCases},
    telemetry::{Metrics, text_format},
};

/// How much one caller may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connections at a time. One source has a quarter of them at the most.
    pub max_connections: usize,
    /// How long a caller may take to begin its first request, and from the first byte of any to the end of its head.
    pub head_deadline: Duration,
    /// How long an answer may take to be made, and taken.
    pub answer_deadline: Duration,
    /// How long a connection may wait for its next request. Proxies that keep theirs for less (60 s are common) never send into
    /// one that is just being closed.
    pub keep_alive: Duration,
    /// After this long the next answer is a connection's last, and says so: callers spread over new replicas.
    pub max_age: Duration,
}

impl Default for Limits {
    /// Probes, Prometheus and verifiers: a few at a time.
    fn default() -> Self {
        Self {
            max_connections: 256,
            head_deadline: Duration::from_secs(10),
            answer_deadline: Duration::from_secs(30),
            keep_alive: Duration::from_secs(75),
            max_age: Duration::from_secs(30 * 60),
        }
    }
}

/// What the routes show.
#[derive(Debug, Clone)]
pub struct Site {
    /// Where the keys and the issuer come from.
    pub use_cases: UseCases,
    /// The figures.
    pub metrics: Metrics,
    /// Whether the service is ready.
    pub ready: watch::Receiver<bool>,
    /// Cancelled when the server is asked to stop, some time before it takes no more connections: until then each answer
    /// says that its connection ends.
    pub draining: CancellationToken,
}

/// Serves until `shutdown`, then lets running requests end.
pub async fn serve(
    listener: Listener,
    site: Site,
    limits: Limits,
    shutdown: impl Future<Output = ()> + Send,
) {
    let draining = site.draining.clone();
    server::serve(listener, router(site), limits, draining, shutdown).await;
}

const JWKS: &str = "/.well-known/jwks.json";
const DISCOVERY: &str = "/.well-known/openid-configuration";
const LIVEZ: &str = "/livez";
const READYZ: &str = "/readyz";
const METRICS: &str = "/metrics";

fn router(site: Site) -> Router {
    Router::new()
        .route(JWKS, get(jwks))
        .route(DISCOVERY, get(discovery))
        .route(LIVEZ, get(|| async { "alive\n" }))
        .route(READYZ, get(readyz))
        .route(METRICS, get(metrics))
        .with_state(site)
}

/// The path of a route. Others are a caller's to invent: the log does not repeat them.
fn known_path(path: &str) -> &'static str {
    let routes = [JWKS, DISCOVERY, LIVEZ, READYZ, METRICS];
    routes.into_iter().find(|known| *known == path).unwrap_or("unknown")
}

/// The key set (RFC 7517, section 5).
async fn jwks(State(site): State<Site>) -> Response {
    ([cache()], Json(site.use_cases.jwks())).into_response()
}

/// How long verifiers may keep the key set and the discovery document.
fn cache() -> (HeaderName, String) {
    (header::CACHE_CONTROL, format!("public, max-age={}", Jwks::MAX_AGE.as_secs()))
}

/// What JWT verifiers read of OpenID Connect Discovery 1.0 (section 3); there is no OpenID provider behind it.
async fn discovery(State(site): State<Site>) -> Response {
    let issuer = site.use_cases.issuer();
    let document = json!({
        "issuer": issuer,
        "jwks_uri": format!("{}{JWKS}", issuer.trim_end_matches('/')),
        "id_token_signing_alg_values_supported": site.use_cases.algorithms(),
        "response_types_supported": ["none"],
        "subject_types_supported": ["public"],
    });
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
    let figures =
        site.metrics.render(site.use_cases.pool_use(), site.use_cases.revocation_streams());
    let figures = figures.and_then(|openmetrics| match format {
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
