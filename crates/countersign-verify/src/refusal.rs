//! What the layer answers where it passes nothing on.

use std::collections::HashMap;

use http::Response;
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
        VerifyError::Unavailable => (
            Code::Unavailable,
            "VERIFICATION_UNAVAILABLE",
            "access tokens can't be verified for a moment: try again",
        ),
    };
    // RFC 6750, section 3: the attribute `scope` is the one that is necessary.
    let scope =
        (error == VerifyError::InsufficientScope).then(|| ("scope".to_owned(), accept.required()));
    let metadata: HashMap<_, _> = scope.into_iter().collect();
    let details = ErrorDetails::with_error_info(reason, DOMAIN, metadata);
    Status::with_error_details(code, text, details).into_http()
}
