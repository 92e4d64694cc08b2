//! `POST /oauth2/introspect` (RFC 7662): for callers that may introspect.

use std::sync::Arc;

use axum::{
    Extension, Json,
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::json;

use super::{error::Refused, form::Form, scheme::Scheme};
use crate::{http::site::Site, token::Claims};

/// The answer about an active token (section 2.2).
#[derive(Serialize)]
struct Active<'a> {
    active: bool,
    token_type: &'static str,
    #[serde(flatten)]
    claims: &'a Claims,
}

/// `token_type_hint` is not needed: the token's own form tells.
pub(in crate::http) async fn introspect(
    State(site): State<Site>,
    Extension(form): Extension<Arc<Form>>,
    Extension(scheme): Extension<Scheme>,
) -> Result<Response, Refused> {
    let token = site.verdicts.introspect_token(form.required("token")?).await;
    let token = token.map_err(|error| Refused::of(error, scheme))?;
    let no_store = [(header::CACHE_CONTROL, "no-store")];
    Ok(match token {
        Some(token) => {
            let active = Active { active: true, token_type: "Bearer", claims: token.claims() };
            (no_store, Json(active)).into_response()
        }
        None => (no_store, Json(json!({ "active": false }))).into_response(),
    })
}
