//! The spans of calls, by OpenTelemetry's semantic conventions for gRPC and HTTP servers. What those ask for and a caller
//! writes (its address, the path, the query, names of methods that do not exist) is left out.

use http::HeaderMap;
use tracing::Span;

use crate::trace::{Active, Text, attach, begin};

/// What is asked again and again by probes and scrapers: it would fill any collector, and tells nothing.
const PROBES: [&str; 3] = ["/livez", "/readyz", "/metrics"];

/// What stands for what a caller has invented.
const OTHER: &str = "_OTHER";

/// Codes that are the server's fault, by the conventions.
const FAULTS: [&str; 6] =
    ["UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"];

/// The span of an RPC, if it is traced; `of` is the log's span of it. Health and reflection are not.
pub fn begin_rpc(
    headers: &HeaderMap,
    service: &'static str,
    method: &'static str,
    of: &Span,
) -> Option<Active> {
    if service.starts_with("grpc.") {
        return None;
    }
    let name = if service == "unknown" { "grpc".into() } else { rpc_method(service, method) };
    let begun = begin(headers, name)?;
    attach(of, Some(begun.clone()));
    Some(begun)
}

/// Ends the span of an RPC.
pub fn end_rpc(span: &Active, service: &'static str, method: &'static str, code: &'static str) {
    let is_fault = FAULTS.contains(&code);
    let mut attributes = vec![
        ("rpc.system.name", "grpc".into()),
        ("rpc.method", rpc_method(service, method).into()),
        ("rpc.response.status_code", code.into()),
    ];
    if is_fault {
        attributes.push(("error.type", code.into()));
    }
    span.end(attributes, is_fault);
}

fn rpc_method(service: &'static str, method: &'static str) -> Text {
    if service == "unknown" { OTHER.into() } else { Text::joined(service, "/", method) }
}

/// The span of a request over HTTP, if it is traced. What the request calls does not decide again.
pub fn begin_http(
    headers: &HeaderMap,
    method: &'static str,
    route: &'static str,
    of: &Span,
) -> Option<Active> {
    if PROBES.contains(&route) {
        return None;
    }
    let verb = if method == "unknown" { "HTTP" } else { method };
    let name = if route == "unknown" { verb.into() } else { Text::joined(verb, " ", route) };
    let begun = begin(headers, name);
    attach(of, begun.clone());
    begun
}

/// Ends the span of a request over HTTP.
pub fn end_http(span: &Active, method: &'static str, route: &'static str, status: u16) {
    let method = if method == "unknown" { OTHER } else { method };
    let mut attributes =
        vec![("http.request.method", method.into()), ("http.response.status_code", status.into())];
    if route != "unknown" {
        attributes.push(("http.route", route.into()));
    }
    let fault = match status {
        500 => Some("500"),
        501 => Some("501"),
        503 => Some("503"),
        504 => Some("504"),
        0..500 => None,
        _ => Some(OTHER),
    };
    attributes.extend(fault.map(|status| ("error.type", status.into())));
    span.end(attributes, fault.is_some());
}
