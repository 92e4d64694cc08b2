//! What the layer answers where it passes nothing on.

use std::collections::HashMap;

use http::{HeaderValue, Response, header::WWW_AUTHENTICATE};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::{Accept, VerifyError};

/// `ErrorInfo.domain`: that of the service, whose reasons these are, wherever it is not set to another one.
const DOMAIN: &str = "countersign.dev";

/// The answer to a request whose token was refused where `accept` counts.
pub(crate) fn refusal<R: Default>(error: VerifyError, accept: &Accept) -> Response<R> {
    let (code, reason, text) = match error {
        VerifyError::Invalid => {
            (Code::Unauthenticated, "TOKEN_INVALID", "the access token is missing or not valid")
        }
        VerifyError::CallerNotAccepted => (
            Code::PermissionDenied,
            "CALLER_NOT_ACCEPTED",
            "this method is for callers of another kind: a user, a service, or a user without a service",
        ),
        VerifyError::InsufficientScope => (
            Code::PermissionDenied,
            "INSUFFICIENT_SCOPE",
            "the access token's scope does not have what this method requires",
        ),
        VerifyError::InsufficientUserAuthentication => (
            Code::Unauthenticated,
            "INSUFFICIENT_USER_AUTHENTICATION",
            "the user must prove once more who they are: see Reauthenticate",
        ),
        VerifyError::Unavailable => (
            Code::Unavailable,
            "VERIFICATION_UNAVAILABLE",
            "access tokens can't be verified for a moment: try again",
        ),
    };
    let lacking = lacking(error, accept);
    let metadata: HashMap<_, _> =
        lacking.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    let details = ErrorDetails::with_error_info(reason, DOMAIN, metadata);
    let mut response = Status::with_error_details(code, text, details).into_http();
    if error == VerifyError::InsufficientUserAuthentication
        && let Ok(challenge) = HeaderValue::try_from(challenge(text, &lacking))
    {
        response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    }
    response
}

/// What would be enough: the attribute `scope` (RFC 6750, section 3), or those of a login (RFC 9470, section 3).
fn lacking(error: VerifyError, accept: &Accept) -> Vec<(&'static str, String)> {
    match error {
        VerifyError::InsufficientScope => vec![("scope", accept.required())],
        VerifyError::InsufficientUserAuthentication => accept.login().parameters().collect(),
        VerifyError::Invalid | VerifyError::CallerNotAccepted | VerifyError::Unavailable => {
            Vec::new()
        }
    }
}

/// The header by which a client learns what to ask for (RFC 9470, section 3).
fn challenge(text: &str, lacking: &[(&str, String)]) -> String {
    let mut challenge =
        format!("Bearer error=\"insufficient_user_authentication\", error_description=\"{text}\"");
    for (name, value) in lacking {
        challenge.push_str(&format!(", {name}=\"{value}\""));
    }
    challenge
}
