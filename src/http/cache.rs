//! How long answers may be cached.

use axum::http::{HeaderName, header};

use crate::service::Jwks;

/// For the key set and the metadata: as long as verifiers must know a key before it signs.
pub(super) fn cache() -> (HeaderName, String) {
    (header::CACHE_CONTROL, format!("public, max-age={}", Jwks::MAX_AGE.as_secs()))
}
