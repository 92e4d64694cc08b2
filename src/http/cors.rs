//! Cross-origin requests of web pages (the Fetch standard, "CORS protocol").
//!
//! Credentials in its sense are cookies and client certificates. Tokens are neither: pages send them in a header, which
//! needs a preflight, and no answer ever allows credentials.

use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, Method, header};
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::domain::Origins;

/// How long a browser may keep what a preflight says. None keeps it longer than two hours.
const MAX_AGE: Duration = Duration::from_secs(2 * 60 * 60);

const fn name(text: &'static str) -> HeaderName {
    HeaderName::from_static(text)
}

/// Lets pages of these origins call and read the answers. Without any, nothing is said of CORS.
pub(super) fn cors(origins: &Origins) -> Option<CorsLayer> {
    let origins = match origins {
        Origins::Any => AllowOrigin::any(),
        Origins::These(these) if these.is_empty() => return None,
        Origins::These(these) => {
            AllowOrigin::list(these.iter().filter_map(|origin| HeaderValue::try_from(origin).ok()))
        }
    };
    let methods = [Method::GET, Method::HEAD, Method::POST, Method::PATCH, Method::DELETE];
    let layer = CorsLayer::new()
        .allow_origin(origins)
        .allow_methods(methods)
        .allow_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            name("connect-protocol-version"),
            name("connect-timeout-ms"),
            name("grpc-timeout"),
            name("x-grpc-web"),
            name("x-request-id"),
            name("x-user-agent"),
        ])
        // Without grpc-status errors of gRPC-Web become "missing trailer".
        .expose_headers([
            header::RETRY_AFTER,
            header::WWW_AUTHENTICATE,
            name("grpc-status"),
            name("grpc-message"),
            name("grpc-status-details-bin"),
            name("x-request-id"),
        ])
        .max_age(MAX_AGE);
    Some(layer)
}
