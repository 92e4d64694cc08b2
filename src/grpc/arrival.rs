//! A call as it arrives: which one it is, and where it comes from.

use std::net::IpAddr;

use tonic::{body::Body, codegen::http::Request, transport::server::TcpConnectInfo};

use crate::{
    domain::{RequestId, TrustedProxies},
    telemetry::request_id,
};

/// What is known of a call before anybody reads it. The layers below find it among the request's extensions.
#[derive(Debug, Clone)]
pub(super) struct Arrival {
    pub(super) request_id: RequestId,
    /// The connection's other end, or whom trusted proxies forward for; nothing where that is unknown.
    pub(super) peer: Option<IpAddr>,
}

impl Arrival {
    pub(super) fn of(request: &Request<Body>, trusted: &TrustedProxies) -> Self {
        Self { request_id: request_id(request.headers()), peer: peer(request, trusted) }
    }
}

fn peer(request: &Request<Body>, trusted: &TrustedProxies) -> Option<IpAddr> {
    let connection = request.extensions().get::<TcpConnectInfo>()?;
    let forwarded = request.headers().get_all(trusted.header().name()).iter();
    // One that is no text is an entry that makes no sense: whom it is about is unknown.
    let forwarded = forwarded.map(|header| header.to_str().unwrap_or_default());
    trusted.origin(connection.remote_addr()?.ip(), forwarded)
}
