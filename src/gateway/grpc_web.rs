//! gRPC-Web, which tonic-web speaks.

use http::{HeaderValue, Method, Request, Response, header::CONTENT_TYPE, request::Parts};

use super::{answer, body, call::Upstream, failure::Failure};
use crate::edge::Payload;

/// Answers a call. Its body is read first: a client goes on using a connection whose request was read to its end.
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
    let media_type = request.headers().get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    request.method() == Method::POST
        && media_type.is_some_and(|text| GRPC_WEB.iter().any(|known| known.as_bytes() == text))
}

const GRPC_WEB: [&str; 4] = [
    "application/grpc-web",
    "application/grpc-web+proto",
    "application/grpc-web-text",
    "application/grpc-web-text+proto",
];
