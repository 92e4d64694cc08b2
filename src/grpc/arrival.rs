//! The context of a call, for the layers and the handlers of gRPC.

use tonic::{body::Body, codegen::http::Request};

use crate::{
    domain::{Context, TrustedProxies},
    edge::{self, Peer},
};

/// The context of a call from its head, before the body is read.
pub(super) fn arrived(request: &Request<Body>, trusted: &TrustedProxies) -> Context {
    // A call from within the process brings its own: another transport has made it from what it has seen.
    if let Some(context) = request.extensions().get::<Context>() {
        return context.clone();
    }
    let peer = request.extensions().get::<Peer>().cloned().unwrap_or_default();
    edge::arrived(request.headers(), &peer, trusted)
}

/// The context that came with a request.
pub(super) fn context<T>(request: &tonic::Request<T>) -> Context {
    edge::context(request.extensions())
}
