//! What browsers and password managers look for about passkeys.

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use serde_json::{Map, Value, json};

use super::{
    cache::cache,
    oauth::Refused,
    site::{Site, WellKnown},
};

/// Related origins (WebAuthn level 3, section 5.11).
pub(super) async fn webauthn(State(site): State<Site>) -> Response {
    match site.well_known.related_origins.as_slice() {
        [] => Refused::path().into_response(),
        origins => ([cache()], Json(json!({ "origins": origins }))).into_response(),
    }
}

/// Where users add and list their passkeys (W3C, "A Well-Known URL for Relying Party Passkey Endpoints").
pub(super) async fn passkey_endpoints(State(site): State<Site>) -> Response {
    let WellKnown { enroll_url, manage_url, .. } = &site.well_known;
    let pages = [("enroll", enroll_url), ("manage", manage_url)];
    let known = pages.into_iter().filter_map(|(name, url)| {
        url.as_ref().map(|url| (name.to_owned(), Value::from(url.as_str())))
    });
    let known: Map<_, _> = known.collect();
    if known.is_empty() {
        return Refused::path().into_response();
    }
    ([cache()], Json(known)).into_response()
}
