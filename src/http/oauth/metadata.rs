//! Metadata: where the endpoints are, and what they take (RFC 8414).

use axum::{
    Json,
    extract::{Path, State},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use url::Url;

use super::error::Refused;
use crate::http::{
    cache::cache,
    paths::{INTROSPECT, JWKS, REVOKE, TOKEN},
    site::Site,
};

/// Client authentication by which a service proves itself.
const METHODS: [&str; 3] = ["client_secret_basic", "client_secret_post", "private_key_jwt"];

/// Algorithms of assertions.
const ALGORITHMS: [&str; 10] =
    ["ES256", "ES384", "EdDSA", "Ed25519", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512"];

pub(in crate::http) async fn metadata(State(site): State<Site>) -> Response {
    ([cache()], Json(document(&site))).into_response()
}

/// For an issuer with a path, which stands behind the well-known one.
pub(in crate::http) async fn metadata_at(state: State<Site>, Path(path): Path<String>) -> Response {
    let issuer = Url::parse(state.keys.issuer()).ok();
    let own = issuer.map(|issuer| issuer.path().trim_matches('/').to_owned());
    if own.as_deref() == Some(path.trim_matches('/')) {
        metadata(state).await
    } else {
        Refused::path().into_response()
    }
}

/// The document. No user logs in here: there is no authorisation endpoint.
pub(in crate::http) fn document(site: &Site) -> Value {
    let issuer = site.keys.issuer();
    let at = |path: &str| format!("{}{path}", issuer.trim_end_matches('/'));
    json!({
        "issuer": issuer,
        "jwks_uri": at(JWKS),
        "token_endpoint": at(TOKEN),
        "token_endpoint_auth_methods_supported": METHODS,
        "token_endpoint_auth_signing_alg_values_supported": ALGORITHMS,
        "introspection_endpoint": at(INTROSPECT),
        "introspection_endpoint_auth_methods_supported": METHODS,
        "introspection_endpoint_auth_signing_alg_values_supported": ALGORITHMS,
        "revocation_endpoint": at(REVOKE),
        "revocation_endpoint_auth_methods_supported": METHODS,
        "revocation_endpoint_auth_signing_alg_values_supported": ALGORITHMS,
        "grant_types_supported": [
            "client_credentials",
            "urn:ietf:params:oauth:grant-type:token-exchange",
        ],
        "response_types_supported": ["none"],
    })
}
