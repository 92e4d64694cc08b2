//! `POST /oauth2/introspect` (RFC 7662): for services that may introspect.

use axum::{
    Extension, Json,
    body::Body,
    extract::State,
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::json;

use super::{
    client::{Client, Scheme},
    error::Refused,
    form::Form,
};
use crate::{
    domain::{Context, Permission},
    edge::bearer,
    http::routes::Site,
    service::{Error, Service},
    token::Claims,
};

/// The answer about an active token (section 2.2).
#[derive(Serialize)]
struct Active {
    active: bool,
    token_type: &'static str,
    #[serde(flatten)]
    claims: Claims,
}

pub(super) async fn introspect(
    State(site): State<Site>,
    Extension(context): Extension<Context>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    let form = Form::read(&headers, body).await?;
    let (service, scheme) = caller(&site, &context, &headers, &form).await?;
    if !service.scope.has(Permission::Introspect.as_str()) {
        return Err(Refused::of(Error::PermissionMissing(Permission::Introspect), scheme));
    }
    let claims = site.sessions.introspect_token(form.required("token")?).await;
    let claims = claims.map_err(|error| Refused::of(error, scheme))?;
    let no_store = [(header::CACHE_CONTROL, "no-store")];
    Ok(match claims {
        Some(claims) => {
            (no_store, Json(Active { active: true, token_type: "Bearer", claims })).into_response()
        }
        None => (no_store, Json(json!({ "active": false }))).into_response(),
    })
}

/// The service that asks: by its token or key as a bearer token, or as a client. Also where no policy of callers is set:
/// section 2.1 has it so, against scanning for tokens.
async fn caller(
    site: &Site,
    context: &Context,
    headers: &HeaderMap,
    form: &Form,
) -> Result<(Service, Scheme), Refused> {
    if let Some(token) = bearer(headers) {
        let service = site.gate.authenticate_service(context, token).await;
        return Ok((service.map_err(|error| Refused::of(error, Scheme::Bearer))?, Scheme::Bearer));
    }
    let (client_id, proof, scheme) = Client::of(headers, form)?.proved()?;
    let service = site.service_accounts.authenticate(context, &proof, &client_id).await;
    Ok((service.map_err(|error| Refused::of(error, scheme))?, scheme))
}
