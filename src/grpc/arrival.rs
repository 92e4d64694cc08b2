//! The context of a call, for the layers and the handlers of gRPC.

use tonic::{body::Body, codegen::http::Request};

use super::incoming::Peer;
use crate::{
    domain::{Context, TrustedProxies},
    edge::{self, origin},
};

/// The context of a call from its head, before the body is read.
pub(super) fn arrived(request: &Request<Body>, trusted: &TrustedProxies) -> Context {
    let peer = request.extensions().get::<Peer>().and_then(|Peer(address)| *address);
    edge::arrived(request.headers(), origin(request.headers(), peer, trusted))
}

/// The context that came with a request.
pub(super) fn context<T>(request: &tonic::Request<T>) -> Context {
    edge::context(request.extensions())
}
