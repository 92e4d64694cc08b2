//! Callers' mistakes before a handler is reached, and their answers.
//!
//! tonic answers most of them INTERNAL, which is our code for a defect of ours, and without details.

use tonic::{
    Code, Status,
    body::Body,
    codegen::http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header::ALLOW},
};

use super::status::{
    compression_unsupported, internal, malformed, not_utf8, over_size, too_large, unknown_rpc,
};
use crate::{domain::size, edge::media_type};

/// The overhead of each header field in HTTP/2's count, in bytes (RFC 9113, section 6.5.2).
const PER_HEADER: usize = 32;

/// The beginnings of tonic's INTERNAL texts for bad requests, and the problem of each.
const IN_MESSAGE: [(&str, &str); 6] = [
    ("Missing request message", "must be one message; there was none"),
    ("Unexpected EOF", "must be a whole message; it ended in the middle"),
    (UNDECODABLE, "must be a protobuf message of its type"),
    (
        "protocol error: received message with compressed-flag",
        "must say by grpc-encoding how it is compressed, if it is",
    ),
    (
        "protocol error: received message with invalid compression flag",
        "must begin with the flag 0 or 1 (compressed)",
    ),
    ("Error decompressing", "must be compressed as grpc-encoding says"),
];
const UNDECODABLE: &str = "failed to decode Protobuf message";

/// prost's text for a string that is not UTF-8.
const NOT_UTF8: &str = "data is not UTF-8 encoded";

/// tonic answered INTERNAL with a text that is not known to blame the caller.
#[derive(Debug, thiserror::Error)]
#[error("tonic answered: {0}")]
struct Unexpected(String);

/// The answer to a request that is not valid gRPC, or whose head is too large. HTTP clients get an HTTP status, as the
/// gRPC specification demands (gRPC over HTTP/2, "Requests").
pub(super) fn in_head(request: &Request<Body>, max_bytes: usize) -> Option<Response<Body>> {
    if request.method() != Method::POST {
        let mut refused = malformed(":method", "must be POST").into_http();
        *refused.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
        refused.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
        return Some(refused);
    }
    if !is_grpc(request.headers()) {
        let mut refused = malformed("content-type", "must be application/grpc").into_http();
        *refused.status_mut() = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        return Some(refused);
    }
    (size_of_head(request) > max_bytes).then(|| over_size("metadata", max_bytes).into_http())
}

/// Whether messages are protobuf; other formats (`+json`, `-web`) are not supported.
pub(super) fn is_grpc(headers: &HeaderMap) -> bool {
    let format = media_type(headers);
    ["application/grpc", "application/grpc+proto"]
        .iter()
        .any(|known| format.eq_ignore_ascii_case(known))
}

/// The size as HTTP/2 counts it.
fn size_of_head(request: &Request<Body>) -> usize {
    let uri = request.uri();
    let pseudo = [
        (":method", request.method().as_str()),
        (":scheme", uri.scheme_str().unwrap_or_default()),
        (":authority", uri.authority().map_or("", |authority| authority.as_str())),
        (":path", uri.path_and_query().map_or("", |path| path.as_str())),
    ];
    let pseudo = pseudo.into_iter().map(|(name, value)| (name, value.len()));
    let fields = request.headers().iter().map(|(name, value)| (name.as_str(), value.len()));
    pseudo.chain(fields).map(|(name, bytes)| name.len() + bytes + PER_HEADER).sum()
}

/// The right answer in place of an error of tonic's own; `None` if that is right. tonic's errors have no details: all
/// of ours have.
pub(super) fn in_message(said: &Status, max_request: usize) -> Option<Status> {
    let (code, text) = (said.code(), said.message());
    if code == Code::OutOfRange || code == Code::ResourceExhausted {
        // Too large as sent, or when decompressed. None of our own answers has these codes without details.
        return Some(too_large(max_request));
    }
    if code == Code::Unimplemented {
        let compressed = text.starts_with("Content is compressed");
        return Some(if compressed { compression_unsupported() } else { unknown_rpc() });
    }
    (code == Code::Internal).then(|| unreadable(text))
}

fn unreadable(text: &str) -> Status {
    if let Some(field) = field_that_is_not_utf8(text) {
        return not_utf8(field);
    }
    match IN_MESSAGE.iter().find(|(begin, _)| text.starts_with(begin)) {
        Some((_, problem)) => malformed("request", *problem),
        None => internal(&Unexpected(text.to_owned())),
    }
}

/// prost names the innermost field first: `…: SecondFactor.totp_code: ChangePasswordRequest.second_factor: invalid
/// string …`.
fn field_that_is_not_utf8(text: &str) -> Option<&'static str> {
    let path = text.strip_prefix(UNDECODABLE)?.strip_prefix(": ")?;
    let (_, field) =
        path.split_once(": ").filter(|_| text.ends_with(NOT_UTF8))?.0.split_once('.')?;
    size::ALL.iter().map(|size| size.field).find(|known| *known == field)
}

#[cfg(test)]
mod tests {
    use tonic::codegen::http::header::CONTENT_TYPE;

    use super::*;

    fn with_type(text: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(text))])
    }

    #[test]
    fn only_protobuf_is_spoken() {
        for good in [
            "application/grpc",
            "application/grpc+proto",
            "Application/gRPC",
            "application/grpc; charset=utf-8",
            "application/grpc+proto;x=y",
        ] {
            assert!(is_grpc(&with_type(good)), "{good}");
        }
        for bad in [
            "",
            "application/json",
            "application/grpc+json",
            "application/grpc-web",
            "application/grpc-web+proto",
            "application/grpcx",
            "text/plain; application/grpc",
        ] {
            assert!(!is_grpc(&with_type(bad)), "{bad}");
        }
        assert!(!is_grpc(&HeaderMap::new()));
        let mut twice = with_type("application/grpc");
        twice.append(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        assert!(!is_grpc(&twice), "which one is meant?");
    }

    #[test]
    fn a_head_is_as_large_as_http2_says() {
        let request = Request::builder()
            .method(Method::POST)
            .uri("http://host/path")
            .header("name", "value")
            .body(Body::default())
            .unwrap();
        let texts = [
            ":method",
            "POST",
            ":scheme",
            "http",
            ":authority",
            "host",
            ":path",
            "/path",
            "name",
            "value",
        ];
        let bytes: usize = texts.iter().map(|text| text.len()).sum();
        assert_eq!(size_of_head(&request), bytes + 5 * PER_HEADER);
    }

    #[test]
    fn the_field_that_is_not_utf8_is_named_if_it_is_one_of_ours() {
        let said = |path: &str| format!("{UNDECODABLE}: {path}: invalid string value: {NOT_UTF8}");
        for (path, field) in [
            ("LoginRequest.username", Some("username")),
            ("SecondFactor.totp_code: DeleteMeRequest.second_factor", Some("totp_code")),
            ("HealthCheckRequest.service", None),
            ("username", None),
        ] {
            assert_eq!(field_that_is_not_utf8(&said(path)), field, "{path}");
        }
        assert_eq!(
            field_that_is_not_utf8(&format!("{UNDECODABLE}: LoginRequest.username: other")),
            None
        );
    }

    /// If tonic's texts change, the tests over gRPC fail; until then it counts as a defect, not as the caller's fault.
    #[test]
    fn what_is_not_known_to_be_a_callers_fault_is_a_defect() {
        let answer = in_message(&Status::internal("something else"), 1).unwrap();
        assert_eq!((answer.code(), answer.message()), (Code::Internal, "internal error"));
        assert!(in_message(&Status::unavailable(""), 1).is_none());
    }
}
