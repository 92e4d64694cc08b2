//! Calls of RPCs within the process: in gRPC's framing, through the same layers as calls from outside.

use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, Version,
    header::{AUTHORIZATION, CONTENT_TYPE, TE},
    request::Parts,
};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use tonic::{Code, Status};
use tower::ServiceExt as _;

use super::contract::Rpc;
use crate::{
    domain::Context,
    edge::{Payload, Rpcs},
};

/// The RPCs that requests become calls of.
#[derive(Debug, Clone)]
pub(super) struct Upstream {
    pub(super) rpcs: Rpcs,
    /// The largest body of a request, in bytes.
    pub(super) max_request: usize,
}

/// The head of a message in gRPC's framing: a flag, and a length of four bytes.
pub(super) const PREFIX: usize = 5;

/// How long the caller waits.
pub(super) const GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");

impl Upstream {
    /// Calls a unary RPC.
    ///
    /// # Errors
    /// The RPC's.
    pub(super) async fn unary(
        &self,
        rpc: &Rpc,
        head: &Parts,
        message: &[u8],
    ) -> Result<Bytes, Status> {
        let (head, body) = self.call(rpc, head, message).await.into_parts();
        if let Some(status) = failed(&head.headers) {
            return Err(status);
        }
        let collected = body.collect().await;
        let collected = collected.map_err(|error| Status::from_error(error.into()))?;
        let status = collected.trailers().and_then(failed);
        let message = collected.to_bytes();
        match status {
            Some(status) => Err(status),
            None if message.len() >= PREFIX => Ok(message.slice(PREFIX..)),
            None => Err(Status::internal("the RPC answered nothing")),
        }
    }

    /// Calls an RPC with one message.
    pub(super) async fn call(&self, rpc: &Rpc, head: &Parts, message: &[u8]) -> Response<Payload> {
        let mut request = Request::new(framed(message));
        *request.method_mut() = Method::POST;
        *request.version_mut() = Version::HTTP_2;
        *request.uri_mut() = rpc.path.clone();
        *request.headers_mut() = metadata(&head.headers);
        // Where the call came from, and its request id.
        if let Some(context) = head.extensions.get::<Context>() {
            request.extensions_mut().insert(context.clone());
        }
        self.forward(request).await
    }

    /// Calls an RPC by a request of gRPC or gRPC-Web.
    pub(super) async fn forward(&self, request: Request<Payload>) -> Response<Payload> {
        let answer = self.rpcs.clone().oneshot(request).await;
        answer.unwrap_or_else(|never| match never {})
    }
}

/// What of a request's head an RPC reads; its context has the rest.
fn metadata(given: &HeaderMap) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(4);
    for name in [AUTHORIZATION, GRPC_TIMEOUT] {
        for value in given.get_all(&name) {
            headers.append(&name, value.clone());
        }
    }
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert(TE, HeaderValue::from_static("trailers"));
    headers
}

/// One message, not compressed.
fn framed(message: &[u8]) -> Payload {
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    let frame = [&[0], &length.to_be_bytes()[..], message].concat();
    Full::new(Bytes::from(frame)).map_err(|never| match never {}).boxed_unsync()
}

/// The status in headers or trailers, if it is an error.
pub(super) fn failed(holds_status: &HeaderMap) -> Option<Status> {
    Status::from_header_map(holds_status).filter(|status| status.code() != Code::Ok)
}
