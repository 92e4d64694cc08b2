//! A call as it arrives: which one it is, and where it comes from. Its context travels with the request, and later layers add
//! what they find out: its deadline (`deadline.rs`), and who acts (`access.rs`).

use std::{net::IpAddr, time::Instant};

use http::{Extensions, HeaderMap};
use uuid::Uuid;

use crate::{
    domain::{Context, TrustedProxies},
    telemetry::request_id,
};

/// What is known of a call by its head alone. It has no time left unless a deadline is set.
pub(crate) fn arrived(headers: &HeaderMap, address: Option<IpAddr>) -> Context {
    Context::of_nobody(address, Instant::now(), request_id(headers))
}

/// The address that counts: the connection's other end, or the one that trusted proxies forward for. `None` where it is unknown.
pub(crate) fn origin(
    headers: &HeaderMap,
    peer: Option<IpAddr>,
    trusted: &TrustedProxies,
) -> Option<IpAddr> {
    let forwarded = headers.get_all(trusted.header().name()).iter();
    // One that is no text is an entry that makes no sense: whom it is about is unknown.
    let forwarded = forwarded.map(|header| header.to_str().unwrap_or_default());
    trusted.origin(peer?, forwarded)
}

/// The context that came with a call.
pub(crate) fn context(extensions: &Extensions) -> Context {
    // Never without: all calls pass the layer that adds it. Otherwise nothing is known of a call, and it has no time left.
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
        let arrived = arrived(&headers, ip("192.0.2.1"));
        extensions.insert(arrived.clone());
        assert_eq!(context(&extensions), arrived);
        assert_eq!(context(&Extensions::new()).address, None);
    }
}
