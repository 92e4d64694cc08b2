//! The development inbox: what the log delivery has written, for the page that shows the flow.

use std::net::IpAddr;

use axum::{
    Json,
    extract::{Extension, State},
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};
use serde_json::json;

use super::{oauth::Refused, site::Site};
use crate::domain::{Context, Timestamp, is_loopback};

/// The last messages, the newest first.
pub(super) async fn messages(
    State(site): State<Site>,
    Extension(context): Extension<Context>,
    headers: HeaderMap,
) -> Response {
    match &site.inbox {
        Some(inbox) if is_from_here(&context, &headers) => {
            let newest = inbox.newest_first();
            let time = |time: Timestamp| humantime::format_rfc3339_micros(time.into()).to_string();
            let messages = newest.iter().map(|of| {
                json!({ "kind": of.kind, "to": of.destination, "code": of.code.as_str(), "time": time(of.created_at) })
            });
            let body = Json(json!({ "messages": messages.collect::<Vec<_>>() }));
            ([(header::CACHE_CONTROL, "no-store")], body).into_response()
        }
        Some(_) | None => Refused::path().into_response(),
    }
}

/// Codes are for whoever sits at this machine. The host's name matters, too: the page of a stranger, whose name leads
/// here, is of the same origin (DNS rebinding).
fn is_from_here(context: &Context, headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, port)| {
        if port.bytes().all(|byte| byte.is_ascii_digit()) { name } else { host }
    });
    context.address.is_some_and(|address: IpAddr| address.is_loopback()) && is_loopback(name)
}

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
            is_from_here(&context, &HeaderMap::from_iter([(header::HOST, host.parse().unwrap())]))
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
}
