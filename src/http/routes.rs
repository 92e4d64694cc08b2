//! What the routes answer, but for OAuth's.

use axum::{
    Json,
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use http_body_util::BodyExt as _;
use serde_json::json;

use super::{
    accept::Format,
    cache::cache,
    oauth::{self, Refused},
    site::Site,
};
use crate::{edge::BrokenOff, gateway, telemetry::text_format};

/// The key set (RFC 7517, section 5).
pub(super) async fn jwks(State(site): State<Site>) -> Response {
    let json = [(header::CONTENT_TYPE, "application/json")];
    ([cache()], json, site.keys.jwks().json.clone()).into_response()
}

/// OAuth's metadata, and the part of OpenID Connect Discovery 1.0 (section 3) that JWT verifiers read; there is no OpenID
/// provider behind it.
pub(super) async fn discovery(State(site): State<Site>) -> Response {
    let mut document = oauth::document(&site);
    document["id_token_signing_alg_values_supported"] = json!(site.keys.algorithms());
    document["subject_types_supported"] = json!(["public"]);
    ([cache()], Json(document)).into_response()
}

pub(super) async fn readyz(State(site): State<Site>) -> Response {
    if *site.ready.borrow() {
        "ready\n".into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not ready\n").into_response()
    }
}

pub(super) async fn metrics(State(site): State<Site>, headers: HeaderMap) -> Response {
    let format = Format::asked_for(&headers);
    let figures = site.figures.render().and_then(|openmetrics| match format {
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

/// An RPC at its own path. Where there is none, the refusal is Connect's, or that of OAuth, whose clients guess paths.
pub(super) async fn rpc_at_its_path(site: State<Site>, request: Request) -> Response {
    let is_for_gateway =
        gateway::is_path_of_rpc(request.uri().path()) || gateway::is_of_connect(request.headers());
    if is_for_gateway { rpc(site, request).await } else { Refused::path().into_response() }
}

/// An RPC, for callers that do not speak gRPC.
pub(super) async fn rpc(State(site): State<Site>, request: Request) -> Response {
    let request = request.map(|body| body.map_err(BrokenOff::by).boxed_unsync());
    site.gateway.answer(request).await.map(Body::new)
}

/// The process is alive (a probe).
pub(super) async fn livez() -> &'static str {
    "alive\n"
}
