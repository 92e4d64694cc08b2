//! The Connect protocol: RPCs at gRPC's own paths, over any version of HTTP.

mod codec;
mod failure;
mod metadata;
mod stream;
mod unary;

use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, request::Parts};

use self::codec::Codec;
use super::{
    body,
    call::{GRPC_TIMEOUT, Upstream},
    contract::Rpc,
    envelope::PREFIX,
    failure::Failure,
};
use crate::{
    domain::InvalidField,
    edge::{Payload, media_type},
};

pub(super) const VERSION: HeaderName = HeaderName::from_static("connect-protocol-version");
const TIMEOUT: HeaderName = HeaderName::from_static("connect-timeout-ms");

/// The largest timeout of gRPC, in milliseconds: eight digits.
const LONGEST: u64 = 99_999_999;

/// Answers a call.
pub(super) async fn answer(
    upstream: &Upstream,
    rpc: &'static Rpc,
    head: &Parts,
    body: Payload,
) -> Response<Payload> {
    let media_type = media_type(&head.headers).to_ascii_lowercase();
    let stream = media_type.strip_prefix("application/connect+").and_then(Codec::of);
    let unary = media_type.strip_prefix("application/").and_then(Codec::of);
    let stream = stream.filter(|_| rpc.streams_answers && !rpc.streams_requests);
    // The limit is that of the message, in an envelope or not.
    let envelope = if stream.is_some() { PREFIX } else { 0 };
    let body = body::read(body, envelope + upstream.max_request).await;
    let head = match (with_deadline(head), stream) {
        (Ok(head), _) => head,
        (Err(refused), Some(codec)) => return stream::failed_at_once(codec, refused, head),
        (Err(refused), None) => return failure::unary(refused, head),
    };
    match (&head.method, stream, unary) {
        (&Method::POST, Some(codec), _) => stream::answer(upstream, rpc, codec, &head, body).await,
        (&Method::POST, _, Some(codec)) if !rpc.streams_answers => {
            let answered = unary::post(upstream, rpc, codec, &head, body).await;
            answered.unwrap_or_else(|refused| failure::unary(refused, &head))
        }
        (&Method::GET, ..) if rpc.is_safe => {
            let answered = unary::get(upstream, rpc, &head).await;
            answered.unwrap_or_else(|refused| failure::unary(refused, &head))
        }
        (&Method::POST, ..) => failure::unary(Failure::media_type(media_types(rpc)), &head),
        _ => failure::unary(Failure::method(if rpc.is_safe { "GET, POST" } else { "POST" }), &head),
    }
}

/// Answers a call of an RPC that is not there.
pub(super) fn unknown(head: &Parts) -> Response<Payload> {
    failure::unary(Failure::path(), head)
}

fn media_types(rpc: &Rpc) -> &'static str {
    match (rpc.streams_requests, rpc.streams_answers) {
        (false, false) => "application/json, application/proto, or one of gRPC-Web",
        (false, true) => "application/connect+json, application/connect+proto, or one of gRPC-Web",
        (true, _) => "application/grpc: a stream of requests takes HTTP/2",
    }
}

/// The head with the caller's deadline as gRPC has it.
fn with_deadline(head: &Parts) -> Result<Parts, Failure> {
    let mut head = head.clone();
    if head.headers.get(VERSION).is_some_and(|version| version != "1") {
        return Err(InvalidField::new("connect-protocol-version", "must be 1").into());
    }
    let timeout = timeout(&head.headers)?;
    head.headers.remove(GRPC_TIMEOUT);
    head.headers.extend(timeout.map(|timeout| (GRPC_TIMEOUT, timeout)));
    Ok(head)
}

/// Up to ten digits, in milliseconds.
fn timeout(headers: &HeaderMap) -> Result<Option<HeaderValue>, Failure> {
    let Some(text) = headers.get(TIMEOUT) else { return Ok(None) };
    let digits = text.to_str().ok().filter(|text| {
        (1..=10).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
    });
    let millis: Option<u64> = digits.and_then(|digits| digits.parse().ok());
    let problem = || InvalidField::new("connect-timeout-ms", "must be one to ten digits");
    let millis = millis.ok_or_else(problem)?.min(LONGEST);
    Ok(HeaderValue::try_from(format!("{millis}m")).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What gRPC is told of the caller's timeout.
    fn told(text: &'static [u8]) -> Result<String, String> {
        let value = HeaderValue::from_bytes(text).unwrap();
        let timeout = timeout(&HeaderMap::from_iter([(TIMEOUT, value)]));
        let timeout = timeout.map_err(|refused| refused.status.message().to_owned())?;
        Ok(timeout.unwrap().to_str().unwrap().to_owned())
    }

    #[test]
    fn a_timeout_is_one_to_ten_digits_and_grpcs_eight_at_the_most() {
        for (text, expected) in [
            (&b"0"[..], "0m"),
            (b"1", "1m"),
            (b"0000000250", "250m"),
            (b"99999999", "99999999m"),
            (b"100000000", "99999999m"),
            (b"9999999999", "99999999m"),
        ] {
            assert_eq!(told(text).as_deref(), Ok(expected));
        }
        for bad in
            [&b""[..], b"-1", b"+1", b"1.5", b"1s", b" 1", b"10000000000", b"\xff", "١".as_bytes()]
        {
            assert!(told(bad).unwrap_err().contains("connect-timeout-ms"), "{bad:?}");
        }
        assert!(timeout(&HeaderMap::new()).unwrap().is_none());
    }

    /// The head of gRPC's, whatever the caller has said in gRPC's own header.
    #[test]
    fn the_timeout_is_connects_alone_and_the_version_is_1() {
        let head = |headers: &[(&'static str, &'static str)]| {
            let mut request = http::Request::new(());
            let headers = headers.iter().map(|(name, value)| {
                (HeaderName::from_static(name), HeaderValue::from_static(value))
            });
            request.headers_mut().extend(headers);
            with_deadline(&request.into_parts().0)
        };
        let both = head(&[("grpc-timeout", "1H"), ("connect-timeout-ms", "5")]).unwrap();
        assert_eq!(both.headers.get_all(GRPC_TIMEOUT).iter().collect::<Vec<_>>(), ["5m"]);
        assert!(head(&[("grpc-timeout", "1H")]).unwrap().headers.get(GRPC_TIMEOUT).is_none());
        assert!(head(&[("connect-protocol-version", "1")]).is_ok());
        for version in ["", "2", "1.0", "v1"] {
            assert!(head(&[("connect-protocol-version", version)]).is_err(), "{version}");
        }
    }

    /// "Error Codes" of the protocol.
    #[test]
    fn each_code_has_its_name_and_its_details_in_base64() {
        use tonic::{Code, Status};
        for (code, name) in [
            (Code::Cancelled, "canceled"),
            (Code::Unknown, "unknown"),
            (Code::InvalidArgument, "invalid_argument"),
            (Code::DeadlineExceeded, "deadline_exceeded"),
            (Code::NotFound, "not_found"),
            (Code::AlreadyExists, "already_exists"),
            (Code::PermissionDenied, "permission_denied"),
            (Code::ResourceExhausted, "resource_exhausted"),
            (Code::FailedPrecondition, "failed_precondition"),
            (Code::Aborted, "aborted"),
            (Code::OutOfRange, "out_of_range"),
            (Code::Unimplemented, "unimplemented"),
            (Code::Internal, "internal"),
            (Code::Unavailable, "unavailable"),
            (Code::DataLoss, "data_loss"),
            (Code::Unauthenticated, "unauthenticated"),
        ] {
            let error = failure::error(&Status::new(code, "text").into());
            assert_eq!(
                error,
                serde_json::json!({ "code": name, "message": "text", "details": [] })
            );
        }
        let error = failure::error(&InvalidField::new("a", "b").into());
        assert_eq!(error["details"][0]["type"], "google.rpc.ErrorInfo");
        assert_eq!(error["details"][1]["type"], "google.rpc.BadRequest");
        let value = error["details"][1]["value"].as_str().unwrap();
        assert!(!value.is_empty() && !value.contains('='), "no padding: {value}");
    }
}
