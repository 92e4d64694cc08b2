//! A call as it arrives: its request id and its origin. The context travels with the request, and later layers add to
//! it: the deadline (`deadline.rs`), and the actor (`gate.rs`).

use std::{net::IpAddr, time::Instant};

use http::{Extensions, HeaderMap};
use uuid::Uuid;

use crate::{
    domain::{CallerName, Context, TrustedProxies},
    telemetry::request_id,
};

/// The other end of a connection.
#[derive(Debug, Clone, Default)]
pub struct Peer {
    /// Its address; `None` on a Unix socket.
    pub address: Option<IpAddr>,
    /// The name that its certificate has proved.
    pub caller: Option<CallerName>,
}

/// The context of a call from its head. No time is left until a deadline is set.
pub(crate) fn arrived(headers: &HeaderMap, peer: &Peer, trusted: &TrustedProxies) -> Context {
    let address = origin(headers, peer.address, trusted);
    let context = Context::of_nobody(address, Instant::now(), request_id(headers));
    // The connection proves the caller's name: no header becomes one.
    context.of_caller(peer.caller.clone())
}

/// The caller's address: the connection's peer, or the one that trusted proxies forward. `None` if it is unknown.
fn origin(headers: &HeaderMap, peer: Option<IpAddr>, trusted: &TrustedProxies) -> Option<IpAddr> {
    let forwarded = headers.get_all(trusted.header().name()).iter();
    // An entry that is not text is invalid: the address is unknown.
    let forwarded = forwarded.map(|header| header.to_str().unwrap_or_default());
    trusted.origin(peer?, forwarded)
}

/// The context that came with a call.
pub(crate) fn context(extensions: &Extensions) -> Context {
    // Unreachable: all calls pass the layer that adds it. Fails closed: an unknown caller, with no time left.
    let unknown = || Context::of_nobody(None, Instant::now(), Uuid::now_v7().into());
    extensions.get::<Context>().cloned().unwrap_or_else(unknown)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn ip(text: &str) -> Option<IpAddr> {
        text.parse().ok()
    }

    /// `x-forwarded-for` with these values.
    fn forwarded(values: &[&'static [u8]]) -> HeaderMap {
        let header = |value: &&'static [u8]| HeaderValue::from_bytes(value).unwrap();
        values.iter().map(|value| ("x-forwarded-for".parse().unwrap(), header(value))).collect()
    }

    #[test]
    fn the_other_end_counts_unless_it_is_a_trusted_proxy_that_says_whom_it_forwards_for() {
        let (proxy, client) = (ip("10.0.0.1"), ip("192.0.2.1"));
        let trusted = TrustedProxies::parse("10.0.0.0/8").unwrap();
        let says = forwarded(&[b"192.0.2.1"]);
        assert_eq!(origin(&says, proxy, &trusted), client);
        assert_eq!(origin(&says, proxy, &TrustedProxies::default()), proxy);
        assert_eq!(origin(&says, ip("203.0.113.9"), &trusted), ip("203.0.113.9"));
        assert_eq!(origin(&HeaderMap::new(), proxy, &trusted), proxy);
        for unknown in [forwarded(&[b"unknown"]), forwarded(&[b"192.0.2.1", b"\xff"])] {
            assert_eq!(origin(&unknown, proxy, &trusted), None);
        }
        assert_eq!(origin(&says, None, &trusted), None);
    }

    #[test]
    fn the_context_of_a_call_is_the_one_that_came_with_it() {
        let (mut extensions, headers) = (Extensions::new(), HeaderMap::new());
        let peer = Peer { address: ip("192.0.2.1"), caller: None };
        let arrived = arrived(&headers, &peer, &TrustedProxies::default());
        extensions.insert(arrived.clone());
        assert_eq!(context(&extensions), arrived);
        assert_eq!(context(&Extensions::new()).address, None);
    }
}
