//! One span per call, so that every log line of the call carries its request id. Its level is ERROR, so that it exists
//! wherever an error is logged; `start` adds its target to the filter.

use http::{HeaderMap, HeaderName, HeaderValue};
use tracing::{Span, field};
use uuid::Uuid;

use crate::{
    domain::{Context, RequestId},
    trace::TARGET,
};

/// The header and metadata key of a request id.
pub(super) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The caller's request id, if it is a sane one, else a new one. Two headers count as none: they are ambiguous.
pub fn request_id(headers: &HeaderMap) -> RequestId {
    let mut given = headers.get_all(X_REQUEST_ID).iter();
    let only = given.next().filter(|_| given.next().is_none());
    let sane = only.and_then(|id| RequestId::parse(id.to_str().ok()?));
    sane.unwrap_or_else(|| Uuid::now_v7().into())
}

/// Sets the request id in an answer's headers.
pub fn say_request_id(headers: &mut HeaderMap, id: &RequestId) {
    // Infallible: `RequestId` takes fewer characters than headers do.
    if let Ok(value) = HeaderValue::try_from(id.as_str()) {
        headers.insert(X_REQUEST_ID, value);
    }
}

/// The span of an RPC. The ids of users, sessions and services are recorded once they are known (`service/known.rs`).
pub fn rpc_span(service: &str, method: &str, context: &Context) -> Span {
    let (id, peer) = (&context.request_id, context.address);
    let certificate = context.certificate();
    tracing::error_span!(
        target: TARGET,
        "rpc",
        service,
        method,
        request_id = %id,
        peer = peer.map(field::display),
        certificate = certificate.map(field::display),
        user_id = field::Empty,
        session_id = field::Empty,
        service_account_id = field::Empty,
    )
}

/// The span of an HTTP request. `path` is one of our routes, never a caller's text. The ids are as in [`rpc_span`].
pub fn http_span(method: &str, path: &str, context: &Context) -> Span {
    let (id, peer) = (&context.request_id, context.address);
    let certificate = context.certificate();
    tracing::error_span!(
        target: TARGET,
        "http",
        method,
        path,
        request_id = %id,
        peer = peer.map(field::display),
        certificate = certificate.map(field::display),
        user_id = field::Empty,
        session_id = field::Empty,
        service_account_id = field::Empty,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(ids: &[&'static str]) -> RequestId {
        let header = |id: &&'static str| (X_REQUEST_ID, HeaderValue::from_static(id));
        request_id(&ids.iter().map(header).collect())
    }

    #[test]
    fn one_sane_id_is_taken_and_otherwise_one_is_made() {
        assert_eq!(of(&["edge-1"]).as_str(), "edge-1");
        for ids in [&[][..], &["two words"], &[""], &["edge-1", "edge-1"], &["edge-1", "edge-2"]] {
            let (made, other) = (of(ids), of(ids));
            assert!(Uuid::try_parse(made.as_str()).is_ok_and(|id| id.get_version_num() == 7));
            assert_ne!(made, other);
        }
    }

    #[test]
    fn an_answer_says_one_id_whatever_was_there() {
        let mut headers = HeaderMap::new();
        for id in ["edge-1", "edge-2"] {
            say_request_id(&mut headers, &RequestId::parse(id).unwrap());
        }
        assert_eq!(headers.get_all(X_REQUEST_ID).iter().collect::<Vec<_>>(), ["edge-2"]);
    }
}
