//! The development inbox: what the log delivery has written, for the page that shows the flow.

use std::net::IpAddr;

use axum::{
    Json,
    extract::{Extension, State},
    http::{HeaderMap, Uri, header, uri::Authority},
    response::{IntoResponse, Response},
};
use serde_json::json;

use super::{oauth::Refused, page_file::NOSNIFF, site::Site};
use crate::domain::{Context, Timestamp, is_loopback};

/// The last messages, the newest first.
pub(super) async fn messages(
    State(site): State<Site>,
    Extension(context): Extension<Context>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    match &site.inbox {
        Some(inbox) if is_from_here(&context, &uri, &headers) => {
            let newest = inbox.newest_first();
            let time = |time: Timestamp| humantime::format_rfc3339_micros(time.into()).to_string();
            let messages = newest.iter().map(|of| {
                json!({ "kind": of.kind, "to": of.destination, "code": of.code.as_str(), "time": time(of.created_at) })
            });
            let body = Json(json!({ "messages": messages.collect::<Vec<_>>() }));
            ([(header::CACHE_CONTROL, "no-store"), NOSNIFF], body).into_response()
        }
        Some(_) | None => Refused::path().into_response(),
    }
}

/// Codes are for whoever sits at this machine.
fn is_from_here(context: &Context, uri: &Uri, headers: &HeaderMap) -> bool {
    context.address.is_some_and(|address: IpAddr| address.is_loopback())
        && is_asked_here(uri, headers)
}

/// No request that a proxy forwards, and none of another page. The host's name matters, too: the page of a stranger, whose
/// name leads here, is of the same origin (DNS rebinding).
pub(super) fn is_asked_here(uri: &Uri, headers: &HeaderMap) -> bool {
    let is_forwarded = FORWARDED.iter().any(|name| headers.contains_key(*name));
    let site = headers.get("sec-fetch-site");
    let is_of_ours = site.is_none_or(|site| site == "same-origin" || site == "none");
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    // HTTP/2 has it in its place.
    let host = uri.authority().map(Authority::as_str).or(host).unwrap_or_default();
    host.parse().is_ok_and(|host| is_of_this_machine(&host)) && is_of_ours && !is_forwarded
}

/// A name of this machine, with a port or without one.
fn is_of_this_machine(host: &Authority) -> bool {
    let is_whole = host.port_u16().is_some() || host.as_str() == host.host();
    is_whole && is_loopback(host.host())
}

/// What proxies add.
const FORWARDED: [&str; 4] = ["forwarded", "via", "x-forwarded-for", "x-forwarded-host"];

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::domain::RequestId;

    #[test]
    fn the_inbox_is_for_this_machine_by_a_name_of_this_machine() {
        let is_shown = |address: &str, host: &'static str| {
            let id = RequestId::parse("edge-1").unwrap();
            let context = Context::of_nobody(address.parse().ok(), Instant::now(), id);
            let headers = HeaderMap::from_iter([(header::HOST, host.parse().unwrap())]);
            is_from_here(&context, &Uri::from_static("/dev/inbox"), &headers)
        };
        for host in ["localhost:8080", "localhost", "127.0.0.1:8080", "[::1]:8080", "[::1]"] {
            assert!(is_shown("127.0.0.1", host) && is_shown("::1", host), "{host}");
            assert!(!is_shown("192.0.2.1", host) && !is_shown("", host), "{host}");
        }
        for host in
            ["rebound.example.com:8080", "127.0.0.1.example.com", "", "localhost:8080.example.com"]
        {
            assert!(!is_shown("127.0.0.1", host), "{host}");
        }
    }
    #[test]
    fn what_a_proxy_forwards_and_what_another_page_asks_for_is_not_from_here() {
        let is_shown = |name: &'static str, value: &'static str| {
            let id = RequestId::parse("edge-1").unwrap();
            let context = Context::of_nobody("127.0.0.1".parse().ok(), Instant::now(), id);
            let headers = HeaderMap::from_iter([
                (header::HOST, "localhost:8080".parse().unwrap()),
                (header::HeaderName::from_static(name), value.parse().unwrap()),
            ]);
            is_from_here(&context, &Uri::from_static("/dev/inbox"), &headers)
        };
        for name in FORWARDED {
            assert!(!is_shown(name, "127.0.0.1"), "{name}");
        }
        assert!(!is_shown("sec-fetch-site", "cross-site"));
        assert!(!is_shown("sec-fetch-site", "same-site"));
        assert!(is_shown("sec-fetch-site", "same-origin") && is_shown("sec-fetch-site", "none"));
    }
}
