//! A call as it arrives: which one it is, and where it comes from. Its context travels with the request, and the layers below add
//! what they find out: the edge its deadline, the access table whose it is.

use std::{net::IpAddr, time::Instant};

use tonic::{body::Body, codegen::http::Request};
use uuid::Uuid;

use super::incoming::Peer;
use crate::{
    domain::{Context, TrustedProxies},
    telemetry::request_id,
};

/// What is known of a call before anybody reads it. Nobody waits for its answer unless the edge says so.
pub(super) fn arrived(request: &Request<Body>, trusted: &TrustedProxies) -> Context {
    let (peer, id) = (peer(request, trusted), request_id(request.headers()));
    Context::of_nobody(peer, Instant::now(), id)
}

/// The context that came with a request.
pub(super) fn context<T>(request: &tonic::Request<T>) -> Context {
    let found = request.extensions().get::<Context>().cloned();
    // Never: all calls pass the layer that adds it. Without it nothing is known of a call, and nobody waits for its answer.
    found.unwrap_or_else(|| Context::of_nobody(None, Instant::now(), Uuid::now_v7().into()))
}

/// The connection's other end, or whom trusted proxies forward for; nothing where that is unknown.
fn peer(request: &Request<Body>, trusted: &TrustedProxies) -> Option<IpAddr> {
    let Peer(peer) = request.extensions().get::<Peer>()?;
    let forwarded = request.headers().get_all(trusted.header().name()).iter();
    // One that is no text is an entry that makes no sense: whom it is about is unknown.
    let forwarded = forwarded.map(|header| header.to_str().unwrap_or_default());
    trusted.origin((*peer)?, forwarded)
}
