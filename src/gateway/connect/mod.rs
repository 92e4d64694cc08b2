//! The Connect protocol: RPCs at gRPC's own paths, over any version of HTTP.

mod codec;
mod envelope;
mod failure;
mod stream;
mod unary;

use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, request::Parts};

use self::codec::Codec;
use super::{
    body,
    call::{GRPC_TIMEOUT, Upstream},
    contract::Rpc,
    failure::Failure,
};
use crate::{domain::InvalidField, edge::Payload};

const VERSION: HeaderName = HeaderName::from_static("connect-protocol-version");
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
    let media_type = body::media_type(&head.headers);
    let stream = media_type.strip_prefix("application/connect+").and_then(Codec::of);
    let unary = media_type.strip_prefix("application/").and_then(Codec::of);
    let head = match with_deadline(head) {
        Ok(head) => head,
        Err(refused) => return failure::unary(refused, head),
    };
    match (&head.method, stream, unary) {
        (&Method::POST, Some(codec), _) if rpc.streams_answers && !rpc.streams_requests => {
            stream::answer(upstream, rpc, codec, &head, body).await
        }
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
