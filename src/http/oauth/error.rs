//! Refusals in OAuth's form (RFC 6749, section 5.2): every one has `error`. Some clients take an answer without it for a
//! token.

use std::borrow::Cow;

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::json;

use super::scheme::Scheme;
use crate::{domain::size, edge::Refusal, service::Error};

/// A refusal.
#[derive(Debug)]
pub(in crate::http) struct Refused {
    status: StatusCode,
    error: &'static str,
    text: Cow<'static, str>,
    /// What the client should have shown, and how.
    challenge: Option<String>,
    /// Seconds.
    retry_after: Option<u64>,
}

impl Refused {
    fn new(status: StatusCode, error: &'static str, text: impl Into<Cow<'static, str>>) -> Self {
        Self { status, error, text: text.into(), challenge: None, retry_after: None }
    }

    /// The request is malformed.
    pub(super) fn request(text: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request", text)
    }

    /// A grant that there is not.
    pub(super) fn grant_type() -> Self {
        let text = "grant_type must be client_credentials or urn:ietf:params:oauth:grant-type:token-exchange";
        Self::new(StatusCode::BAD_REQUEST, "unsupported_grant_type", text)
    }

    /// The request shows nothing that proves a client.
    pub(super) fn unproved(text: &'static str) -> Self {
        let refused = Self::new(StatusCode::UNAUTHORIZED, "invalid_client", text);
        Self { challenge: Some(BASIC.to_owned()), ..refused }
    }

    /// There is no such path.
    pub(in crate::http) fn path() -> Self {
        Self::new(StatusCode::NOT_FOUND, "invalid_request", "there is nothing at this path")
    }

    /// The path has other methods. The header `allow` says which.
    pub(in crate::http) fn method() -> Self {
        let text = "the method must be another: see the header allow";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "invalid_request", text)
    }

    /// An error of a use case, for a client that has proved itself that way. Where it did so in a header, it gets a
    /// challenge of that scheme (section 5.2); elsewhere 400, with which Spring shows the error.
    pub(super) fn of(error: Error, scheme: Scheme) -> Self {
        let refusal = Refusal::from(error);
        let what = refusal.metadata.first().map_or("", |(_, value)| value.as_str());
        let about_scope = refusal.fields.iter().any(|field| field.field == size::SCOPE.field);
        let (status, error) = match (refusal.reason, what) {
            ("INVALID_FIELD", _) if about_scope => (StatusCode::BAD_REQUEST, "invalid_scope"),
            ("INVALID_FIELD" | "SUBJECT_TOKEN_INVALID", _) => {
                (StatusCode::BAD_REQUEST, "invalid_request")
            }
            ("INVALID_CREDENTIALS", _) if scheme != Scheme::Bearer => {
                (scheme.status(), "invalid_client")
            }
            ("TOKEN_INVALID" | "INVALID_CREDENTIALS", _) => {
                (StatusCode::UNAUTHORIZED, "invalid_token")
            }
            ("PERMISSION_MISSING", _) => (StatusCode::FORBIDDEN, "insufficient_scope"),
            ("NOT_GRANTED", "scope") => (StatusCode::BAD_REQUEST, "invalid_scope"),
            ("NOT_GRANTED", "audience") => (StatusCode::BAD_REQUEST, "invalid_target"),
            ("NOT_GRANTED", "token") => (StatusCode::BAD_REQUEST, "invalid_grant"),
            ("NOT_GRANTED", _) => (StatusCode::BAD_REQUEST, "unauthorized_client"),
            ("TOKEN_TYPE_UNSUPPORTED", _) => (StatusCode::BAD_REQUEST, "unsupported_token_type"),
            ("THROTTLED", _) => (StatusCode::TOO_MANY_REQUESTS, "temporarily_unavailable"),
            ("OVERLOADED" | "STORE_UNAVAILABLE" | "KEYS_UNAVAILABLE" | "DEADLINE_EXCEEDED", _) => {
                (StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable")
            }
            _ => (StatusCode::INTERNAL_SERVER_ERROR, "server_error"),
        };
        let challenge = challenge(scheme, status, error, what);
        let retry_after = refusal.retry_after.map(|wait| wait.as_secs().max(1));
        let text = refusal.text().into_owned().into();
        Self { status, error, text, challenge, retry_after }
    }
}

const BASIC: &str = "Basic realm=\"countersign\", charset=\"UTF-8\"";

/// The header `www-authenticate` (RFC 6749, section 5.2; RFC 6750, section 3).
fn challenge(scheme: Scheme, status: StatusCode, error: &str, scope: &str) -> Option<String> {
    match (scheme, status) {
        (Scheme::Basic, StatusCode::UNAUTHORIZED) => Some(BASIC.to_owned()),
        (Scheme::Bearer, StatusCode::UNAUTHORIZED) => {
            Some("Bearer realm=\"countersign\", error=\"invalid_token\"".to_owned())
        }
        (Scheme::Bearer, StatusCode::FORBIDDEN) => {
            Some(format!("Bearer realm=\"countersign\", error=\"{error}\", scope=\"{scope}\""))
        }
        _ => None,
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        // Section 5.2 allows these characters.
        let is_allowed = |c: &char| matches!(c, ' '..='~') && !['"', '\\'].contains(c);
        let text: String = self.text.chars().filter(is_allowed).collect();
        let body = Json(json!({ "error": self.error, "error_description": text }));
        let mut response =
            (self.status, [(header::CACHE_CONTROL, "no-store")], body).into_response();
        let headers = response.headers_mut();
        let challenge = self.challenge.and_then(|text| HeaderValue::try_from(text).ok());
        headers.extend(challenge.map(|value| (header::WWW_AUTHENTICATE, value)));
        headers.extend(self.retry_after.map(|wait| (header::RETRY_AFTER, HeaderValue::from(wait))));
        response
    }
}
