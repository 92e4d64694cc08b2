//! `POST /oauth2/revoke` (RFC 7009).

use axum::{
    Extension,
    body::Body,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};

use super::{client::Client, error::Refused, form::Form};
use crate::{domain::Context, http::site::Site, service::RevokeTokenRequest, token::OpaqueToken};

/// `token_type_hint` is not needed: the token's own form tells.
pub(in crate::http) async fn revoke(
    State(site): State<Site>,
    Extension(context): Extension<Context>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    let form = Form::read(&headers, body).await?;
    let Client { id: client_id, proof, scheme } = Client::of(&headers, &form)?;
    let token = OpaqueToken::from_text(form.required("token")?.to_owned());
    let request = RevokeTokenRequest { proof, client_id, token };
    let revoked = site.service_accounts.revoke_token(&context, request).await;
    revoked.map_err(|error| Refused::of(error, scheme))?;
    Ok((StatusCode::OK, [(header::CACHE_CONTROL, "no-store")]).into_response())
}
