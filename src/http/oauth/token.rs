//! `POST /oauth2/token`: client credentials (RFC 6749, section 4.4), and token exchange (RFC 8693).

use axum::{
    Extension, Json,
    body::Body,
    extract::State,
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;

use super::{client::Client, error::Refused, form::Form};
use crate::{
    domain::Context,
    http::site::Site,
    service::{Asked, ExchangeTokenRequest, IssueServiceTokenRequest, ServiceToken},
    token::OpaqueToken,
};

const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";

/// The answer (RFC 6749, section 5.1). No member is empty or null: clients read those in many ways.
#[derive(Serialize)]
struct Issued {
    access_token: String,
    token_type: &'static str,
    expires_in: u64,
    #[serde(skip_serializing_if = "String::is_empty")]
    scope: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    issued_token_type: Option<&'static str>,
}

pub(in crate::http) async fn token(
    State(site): State<Site>,
    Extension(context): Extension<Context>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    let form = Form::read(&headers, body).await?;
    match form.required("grant_type")? {
        "client_credentials" => client_credentials(&site, &context, &headers, &form).await,
        EXCHANGE => exchange(&site, &context, &headers, &form).await,
        _ => Err(Refused::grant_type()),
    }
}

async fn client_credentials(
    site: &Site,
    context: &Context,
    headers: &HeaderMap,
    form: &Form,
) -> Result<Response, Refused> {
    let (client_id, proof, scheme) = Client::of(headers, form)?.proved()?;
    let request = IssueServiceTokenRequest { proof, client_id, asked: asked(form)? };
    let issued = site.service_accounts.issue_service_token(context, request).await;
    Ok(answer(issued.map_err(|error| Refused::of(error, scheme))?, None))
}

async fn exchange(
    site: &Site,
    context: &Context,
    headers: &HeaderMap,
    form: &Form,
) -> Result<Response, Refused> {
    let (client_id, proof, scheme) = Client::of(headers, form)?.proved()?;
    let subject_token = OpaqueToken::from_text(form.required("subject_token")?.to_owned());
    check_types(form)?;
    let asked = asked(form)?;
    let request = ExchangeTokenRequest { proof, client_id, subject_token, asked };
    let exchanged = site.service_accounts.exchange_token(context, request).await;
    Ok(answer(exchanged.map_err(|error| Refused::of(error, scheme))?, Some(ACCESS_TOKEN)))
}

/// What is exchanged for what. The actor is the client itself, so there is no other token of an actor.
fn check_types(form: &Form) -> Result<(), Refused> {
    if ![ACCESS_TOKEN, JWT].contains(&form.required("subject_token_type")?) {
        return Err(Refused::request("subject_token_type must be that of an access token"));
    }
    let wanted = form.get("requested_token_type").unwrap_or(ACCESS_TOKEN);
    if ![ACCESS_TOKEN, JWT].contains(&wanted) {
        return Err(Refused::request("requested_token_type must be that of an access token"));
    }
    if form.get("actor_token").is_some() {
        return Err(Refused::request("actor_token: the actor is the client, which proves itself"));
    }
    Ok(())
}

/// What is asked for. `resource` (RFC 8707) is another name of the audience.
fn asked(form: &Form) -> Result<Asked, Refused> {
    let (audience, resource) = (form.get("audience"), form.get("resource"));
    if audience.is_some() && resource.is_some() && audience != resource {
        return Err(Refused::request("audience and resource differ"));
    }
    let audience = audience.or(resource).unwrap_or_default().to_owned();
    Ok(Asked { scope: form.text("scope"), audience })
}

fn answer(token: ServiceToken, issued_token_type: Option<&'static str>) -> Response {
    let ServiceToken { access, scope } = token;
    let issued = Issued {
        access_token: access.jwt,
        token_type: "Bearer",
        expires_in: access.expires_in.as_secs(),
        scope: scope.to_string(),
        issued_token_type,
    };
    let headers = [(header::CACHE_CONTROL, "no-store"), (header::PRAGMA, "no-cache")];
    (headers, Json(issued)).into_response()
}
