//! Calls of RPCs within the process: in gRPC's framing, through the same layers as calls from outside.

use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, Version,
    header::{CONTENT_TYPE, TE},
    request::Parts,
};
use http_body_util::BodyExt as _;
use hyper::body::Bytes;
use tonic::{Code, Status};
use tower::ServiceExt as _;

use super::{
    answer,
    contract::{Contract, Rpc},
    envelope::{self, PREFIX},
};
use crate::{
    domain::Context,
    edge::{Payload, Reached, Rpcs},
};

/// The RPCs that requests become calls of.
#[derive(Debug, Clone)]
pub(super) struct Upstream {
    pub(super) contract: &'static Contract,
    pub(super) rpcs: Rpcs,
    /// The headers that an RPC reads, beside its deadline; its context has the rest.
    pub(super) metadata: &'static [HeaderName],
    /// The largest body of a request, in bytes.
    pub(super) max_request: usize,
}

/// How long the caller waits.
pub(super) const GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");

/// The answer of a unary RPC.
#[derive(Debug)]
pub(super) struct Answered {
    /// What it says before its message.
    pub(super) leading: HeaderMap,
    pub(super) message: Result<Bytes, Status>,
    /// What it says after that.
    pub(super) trailing: HeaderMap,
}

impl Upstream {
    /// Calls a unary RPC.
    pub(super) async fn unary(&self, rpc: &Rpc, head: &Parts, message: &[u8]) -> Answered {
        let (head, body) = self.call(rpc, head, message).await.into_parts();
        let leading = head.headers;
        if let Some(status) = failed(&leading) {
            // "Trailers-Only".
            return Answered { leading: HeaderMap::new(), message: Err(status), trailing: leading };
        }
        let (message, trailing) = match body.collect().await {
            Ok(collected) => {
                let trailing = collected.trailers().cloned().unwrap_or_default();
                (only(&collected.to_bytes(), &trailing), trailing)
            }
            Err(error) => (Err(Status::from_error(error.into())), HeaderMap::new()),
        };
        Answered { leading, message, trailing }
    }

    /// Calls an RPC with one message.
    pub(super) async fn call(&self, rpc: &Rpc, head: &Parts, message: &[u8]) -> Response<Payload> {
        let mut request = Request::new(answer::payload(envelope::of(message)));
        *request.method_mut() = Method::POST;
        *request.version_mut() = Version::HTTP_2;
        *request.uri_mut() = rpc.path.clone();
        *request.headers_mut() = self.headers(&head.headers);
        // Where the call came from, and its request id.
        if let Some(context) = head.extensions.get::<Context>() {
            request.extensions_mut().insert(context.clone());
        }
        if let Some(reached) = head.extensions.get::<Reached>() {
            request.extensions_mut().insert(reached.clone());
        }
        self.forward(request).await
    }

    /// Calls an RPC by a request of gRPC or gRPC-Web.
    pub(super) async fn forward(&self, request: Request<Payload>) -> Response<Payload> {
        if let Some(reached) = request.extensions().get::<Reached>() {
            reached.note();
        }
        let answer = self.rpcs.clone().oneshot(request).await;
        answer.unwrap_or_else(|never| match never {})
    }

    /// The head of a call.
    fn headers(&self, given: &HeaderMap) -> HeaderMap {
        let mut headers = HeaderMap::with_capacity(4);
        for name in self.metadata.iter().chain([&GRPC_TIMEOUT]) {
            for value in given.get_all(name) {
                headers.append(name, value.clone());
            }
        }
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        headers.insert(TE, HeaderValue::from_static("trailers"));
        headers
    }
}

/// The message of a body, unless the trailers say that the RPC has failed.
fn only(body: &Bytes, trailers: &HeaderMap) -> Result<Bytes, Status> {
    match failed(trailers) {
        Some(status) => Err(status),
        None if body.len() >= PREFIX => Ok(body.slice(PREFIX..)),
        None => Err(Status::internal("the RPC answered nothing")),
    }
}

/// The status in headers or trailers, if it is an error.
pub(super) fn failed(holds_status: &HeaderMap) -> Option<Status> {
    Status::from_header_map(holds_status).filter(|status| status.code() != Code::Ok)
}
