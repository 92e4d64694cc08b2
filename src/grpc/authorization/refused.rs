//! The answer to a request that may not pass.

use serde_json::json;
use tonic::Code;

use super::allowed::{REVOCATIONS, UNKNOWN};
use crate::{
    domain::authorization::Lack,
    pb::ext_authz::envoy::{
        config::core::v3::{HeaderValue, HeaderValueOption},
        service::auth::v3::{CheckResponse, DeniedHttpResponse, check_response::HttpResponse},
        r#type::v3::{HttpStatus, StatusCode},
    },
    service::Refused,
};

/// Seconds after which it may be known again: by then a database that is there was read (RFC 9110, section 10.2.3).
const RETRY_AFTER: &str = "1";

/// The answer that Envoy gives to the caller. A gRPC client gets the code that Envoy makes of the HTTP status, and the body as the message.
pub(super) fn answer(refused: &Refused, is_grpc: bool) -> CheckResponse {
    let (status, code) = status(refused, is_grpc);
    let mut headers = vec![("cache-control", "no-store".to_owned())];
    headers.extend(challenge(refused).map(|challenge| ("www-authenticate", challenge)));
    if matches!(refused, Refused::Behind) {
        headers.push((REVOCATIONS, UNKNOWN.to_owned()));
        headers.push(("retry-after", RETRY_AFTER.to_owned()));
    }
    let body = if is_grpc {
        refused.to_string()
    } else {
        headers.push(("content-type", "application/json".to_owned()));
        json!({"error": refused.reason(), "error_description": refused.to_string()}).to_string()
    };
    let denied = DeniedHttpResponse {
        status: Some(HttpStatus { code: status.into() }),
        headers: headers.into_iter().map(|(name, value)| option(name, value)).collect(),
        body,
    };
    let status = tonic_types::pb::Status { code: code.into(), ..Default::default() };
    CheckResponse {
        status: Some(status),
        http_response: Some(HttpResponse::DeniedResponse(denied)),
        dynamic_metadata: None,
    }
}

fn status(refused: &Refused, is_grpc: bool) -> (StatusCode, Code) {
    match refused {
        // Envoy makes INTERNAL of 400, which would be about us.
        Refused::Unclear(_) if !is_grpc => (StatusCode::BadRequest, Code::InvalidArgument),
        Refused::Unclear(_)
        | Refused::NoRule
        | Refused::Lacks(Lack::Permission(_) | Lack::Scope(_)) => {
            (StatusCode::Forbidden, Code::PermissionDenied)
        }
        Refused::NoToken | Refused::TokenInvalid | Refused::Lacks(Lack::Login { .. }) => {
            (StatusCode::Unauthorized, Code::Unauthenticated)
        }
        Refused::Behind => (StatusCode::ServiceUnavailable, Code::Unavailable),
    }
}

/// The challenge of RFC 6750 (section 3); a request without any token gets no error with it (section 3.1). For logins that do not
/// suffice: RFC 9470.
fn challenge(refused: &Refused) -> Option<String> {
    let with = |rest: &str| {
        let (error, description) = (refused.reason(), refused.to_string());
        format!("Bearer error=\"{error}\", error_description=\"{description}\"{rest}")
    };
    match refused {
        Refused::NoToken => Some("Bearer".to_owned()),
        Refused::TokenInvalid | Refused::Lacks(Lack::Permission(_)) => Some(with("")),
        Refused::Lacks(Lack::Scope(scope)) => Some(with(&format!(", scope=\"{scope}\""))),
        Refused::Lacks(Lack::Login { max_age, second_factor }) => {
            let acr = if *second_factor { ", acr_values=\"2fa\"" } else { "" };
            let age = max_age.map(|age| format!(", max_age=\"{}\"", age.as_secs()));
            Some(with(&format!("{acr}{}", age.unwrap_or_default())))
        }
        Refused::Unclear(_) | Refused::NoRule | Refused::Behind => None,
    }
}

/// In the place of a header of that name.
fn option(key: &str, value: String) -> HeaderValueOption {
    let header = Some(HeaderValue { key: key.to_owned(), value, ..HeaderValue::default() });
    HeaderValueOption { header, ..HeaderValueOption::default() }
}
