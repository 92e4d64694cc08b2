//! gRPC-Web, which tonic-web speaks.

use http::{Method, Request, Response, request::Parts};

use super::{answer, body, call::Upstream, failure::Failure};
use crate::edge::{Payload, content_type};

/// Answers a call. tonic-web would answer some before their body is read.
pub(super) async fn answer(
    upstream: &Upstream,
    request: Request<Payload>,
) -> Result<Response<Payload>, (Failure, Parts)> {
    let (head, body) = request.into_parts();
    // As text it is a third longer.
    let max_bytes = 2 * upstream.max_request;
    match body::read(body, max_bytes).await {
        Ok(whole) => {
            let request = Request::from_parts(head, answer::payload(whole));
            let mut response = upstream.forward(request).await;
            answer::not_to_be_stored(response.headers_mut());
            Ok(response)
        }
        Err(failure) => Err((failure, head)),
    }
}

/// Of just those that tonic-web takes: to others it answers nothing that says what is wrong.
pub(super) fn is_meant(request: &Request<Payload>) -> bool {
    request.method() == Method::POST && GRPC_WEB.contains(&content_type(request.headers()))
}

const GRPC_WEB: [&str; 4] = [
    "application/grpc-web",
    "application/grpc-web+proto",
    "application/grpc-web-text",
    "application/grpc-web-text+proto",
];
