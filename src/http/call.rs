//! One HTTP request from its beginning to its end: its span, its log line and its metrics.

use std::time::Instant;

use axum::http::{HeaderMap, Method, StatusCode};
use tracing::Span;

use super::{paths::OAUTH, table::known_path};
use crate::{
    domain::Context,
    edge::Reached,
    telemetry::{HttpLabels, Metrics, begin_http, end_http, http_span},
    trace::Active,
};

/// The status of a request whose caller disconnected before the answer, as proxies write it.
const CLIENT_CLOSED_REQUEST: u16 = 499;

/// One request. On drop it is logged and counted, also if its caller disconnected.
pub(super) struct Call {
    /// The span for all work of the request.
    pub(super) span: Span,
    /// Whether it has become a call of an RPC.
    pub(super) reached: Reached,
    /// Its span in a trace, if it is traced.
    traced: Option<Active>,
    labels: HttpLabels,
    metrics: Metrics,
    begun: Instant,
}

impl Call {
    /// Begins a request, which came with these headers.
    pub(super) fn begin(
        (method, path, headers): (&Method, &str, &HeaderMap),
        context: &Context,
        metrics: Metrics,
    ) -> Self {
        let (method, path) = (known_method(method), known_path(path));
        let span = http_span(method, path, context);
        let traced = begin_http(headers, method, path, &span);
        let labels = HttpLabels {
            http_request_method: method,
            http_route: path,
            http_response_status_code: CLIENT_CLOSED_REQUEST,
        };
        Self { span, reached: Reached::default(), traced, labels, metrics, begun: Instant::now() }
    }

    /// Records the status of the answer.
    pub(super) fn ends_as(&mut self, status: StatusCode) {
        self.labels.http_response_status_code = status.as_u16();
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let _entered = self.span.enter();
        let HttpLabels {
            http_request_method: method,
            http_route: path,
            http_response_status_code: status,
        } = self.labels;
        let took = self.begun.elapsed();
        let elapsed_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        // Probes and scrapes come every few seconds, and tell nothing. An RPC has a line of its own; what was meant for one and
        // never reached it has this one. Preflights ask for nothing.
        let is_for_rpc = path.starts_with("/v1/") || path.starts_with("/auth.");
        let is_preflight = method == "OPTIONS" && status < 400;
        if path.starts_with(OAUTH) || (is_for_rpc && !is_preflight && !self.reached.is_so()) {
            tracing::info!(target: "countersign::http", method, path, status, elapsed_ms, "http");
        } else {
            tracing::debug!(target: "countersign::http", method, path, status, elapsed_ms, "http");
        }
        self.metrics.http_ended(&self.labels, took);
        if let Some(traced) = &self.traced {
            end_http(traced, method, path, status);
        }
    }
}

/// The method, if it is a usual one: callers may invent others.
fn known_method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{domain::RequestId, telemetry::Readings};

    #[test]
    fn a_request_is_counted_by_its_route_and_status_and_callers_invent_no_series() {
        let metrics = Metrics::new(|_none| {});
        let request_id = RequestId::parse("edge-1").unwrap();
        let context = Context::of_nobody(None, Instant::now(), request_id);
        let begin = |method: &str, path: &str| {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            Call::begin((&method, path, &HeaderMap::new()), &context, metrics.clone())
        };
        begin("POST", "/oauth2/token").ends_as(StatusCode::OK);
        begin("BREW", "/coffee").ends_as(StatusCode::NOT_FOUND);
        drop(begin("POST", "/oauth2/revoke"));
        let text = metrics.render(&Readings::default()).unwrap();
        for (method, route, status) in [
            ("POST", "/oauth2/token", 200),
            ("unknown", "unknown", 404),
            ("POST", "/oauth2/revoke", CLIENT_CLOSED_REQUEST),
        ] {
            let line = format!(
                "http_server_request_duration_seconds_count{{http_request_method=\"{method}\",\
                 http_route=\"{route}\",http_response_status_code=\"{status}\"}} 1"
            );
            assert!(text.lines().any(|found| found == line), "{line}\nis not in\n{text}");
        }
    }
}
