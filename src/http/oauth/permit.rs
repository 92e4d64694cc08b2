//! Permissions, before the handlers of the routes that take one (RFC 7662, section 2.1).

use std::sync::Arc;

use axum::{
    Extension,
    body::Body,
    extract::{Request, State},
    http::HeaderMap,
    middleware::Next,
    response::Response,
};

use super::{client::Client, error::Refused, form::Form, scheme::Scheme};
use crate::{
    domain::{Context, Permission},
    edge::bearer,
    http::site::Site,
};

/// Reads the form, since a client may prove itself there, and lets the request through if its caller has the permission.
/// The handler gets the form, and how the caller proved itself.
pub(in crate::http) async fn permit(
    State((site, permission)): State<(Site, Permission)>,
    Extension(context): Extension<Context>,
    request: Request,
    next: Next,
) -> Result<Response, Refused> {
    let (mut parts, body) = request.into_parts();
    let form = Form::read(&parts.headers, body).await?;
    let scheme = check(&site, &context, permission, &parts.headers, &form).await?;
    parts.extensions.insert(scheme);
    parts.extensions.insert(Arc::new(form));
    Ok(next.run(Request::from_parts(parts, Body::empty())).await)
}

/// The certificate of the connection has the permission, or the service that shows its token or key, or proves itself as a
/// client.
async fn check(
    site: &Site,
    context: &Context,
    permission: Permission,
    headers: &HeaderMap,
    form: &Form,
) -> Result<Scheme, Refused> {
    if site.gate.permits_certificate(context, permission) {
        return Ok(Scheme::Body);
    }
    if let Some(token) = bearer(headers) {
        Client::must_not_be_in(form)?;
        let service = site.gate.service_with(permission, context, token).await;
        return service.map(|_| Scheme::Bearer).map_err(|error| Refused::of(error, Scheme::Bearer));
    }
    let (client_id, proof, scheme) = Client::of(headers, form)?.proved()?;
    let service = site.service_accounts.authenticate(context, &proof, &client_id).await;
    let permitted = service.and_then(|service| service.must_have(permission));
    permitted.map(|()| scheme).map_err(|error| Refused::of(error, scheme))
}
