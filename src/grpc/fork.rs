//! At an address that speaks HTTP as well: what is not gRPC goes there.

use http_body_util::BodyExt as _;
use tonic::{
    body::Body,
    codegen::http::{Request, Version},
};
use tower::ServiceExt as _;

use super::faults::is_grpc;
use crate::edge::{Answer, BrokenOff, Inner, Rpcs, Rule};

/// Tells gRPC from the rest, by the type of the body.
#[derive(Debug, Clone)]
pub(super) struct Fork(pub(super) Rpcs);

impl Rule<Body> for Fork {
    fn around(&self, request: Request<Body>, inner: &mut impl Inner<Body>) -> Answer<Body> {
        // Over HTTP/1.1 the trailers, and the status in them, would be lost.
        if request.version() == Version::HTTP_2 && is_grpc(request.headers()) {
            return Box::pin(inner.call(request));
        }
        let request = request.map(|body| body.map_err(BrokenOff::by).boxed_unsync());
        let answer = self.0.clone().oneshot(request);
        Box::pin(async move { Ok(answer.await?.map(Body::new)) })
    }
}
