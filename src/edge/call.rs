//! One RPC from its beginning to its end: its span, its log line and its metrics.

use std::time::Instant;

use http::HeaderMap;
use tracing::Span;

use super::{Code, access::name, upload::Upload};
use crate::{
    domain::{Context, RequestId},
    telemetry::{Metrics, RpcEnd, RpcName, begin_rpc, end_rpc, rpc_span, trace_id},
    trace::Active,
};

/// One RPC. On drop it is logged and counted, also if its caller disconnected.
pub(crate) struct Call {
    rpc: RpcName,
    pub(crate) request_id: RequestId,
    /// What becomes of the request's body.
    pub(crate) upload: Upload,
    /// The span for all work of the call.
    pub(crate) span: Span,
    /// Its span in a trace, if it is traced.
    traced: Option<Active>,
    metrics: Metrics,
    begun: Instant,
    /// The bytes of the messages that were sent.
    sent: u64,
    /// CANCELLED until a status is known: that is the code of a call that ends before its status was sent.
    code: Code,
}

impl Call {
    /// Begins a call of the RPC at `path`, which came with these headers.
    pub(crate) fn begin(
        path: &str,
        headers: &HeaderMap,
        arrived: &Context,
        metrics: Metrics,
    ) -> Self {
        let rpc = name(path);
        metrics.rpc_begun(rpc);
        let request_id = arrived.request_id.clone();
        let span = rpc_span(rpc.service, rpc.method, arrived);
        let traced = begin_rpc(headers, rpc.service, rpc.method, &span);
        let (upload, begun, sent, code) = (Upload::default(), Instant::now(), 0, Code::Cancelled);
        Self { rpc, request_id, upload, span, traced, metrics, begun, sent, code }
    }

    /// Counts bytes of messages that are sent.
    pub(crate) fn sends(&mut self, bytes: u64) {
        self.sent += bytes;
    }

    /// Records the status that is sent.
    pub(crate) fn ends_as(&mut self, code: Code) {
        self.code = code;
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let _entered = self.span.enter();
        let RpcName { service, method, .. } = self.rpc;
        let (took, code) = (self.begun.elapsed(), self.code.name());
        // A number in JSON, too, where integers above 64 bits become text.
        let elapsed_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        if service.starts_with("auth.") {
            tracing::info!(target: "countersign::rpc", service, method, code, elapsed_ms, "rpc");
        } else {
            tracing::debug!(target: "countersign::rpc", service, method, code, elapsed_ms, "rpc");
        }
        let (sent, received) = (self.sent, self.upload.received());
        let end = RpcEnd { code, took, sent, received, trace_id: trace_id() };
        self.metrics.rpc_ended(self.rpc, end);
        if let Some(traced) = &self.traced {
            end_rpc(traced, service, method, code);
        }
    }
}

#[cfg(test)]
mod tests {
    use tracing::subscriber::{NoSubscriber, with_default};

    use super::*;
    use crate::telemetry::Readings;

    const LOGIN: &str = "/auth.v1.AuthService/Login";

    fn begin(path: &str, metrics: &Metrics) -> Call {
        let request_id = RequestId::parse("edge-1").unwrap();
        let arrived = Context::of_nobody(None, Instant::now(), request_id);
        Call::begin(path, &HeaderMap::new(), &arrived, metrics.clone())
    }

    #[test]
    fn without_a_log_there_is_no_span() {
        let metrics = Metrics::new(|_none| {});
        with_default(NoSubscriber::default(), || {
            assert!(begin(LOGIN, &metrics).span.is_disabled());
        });
    }

    #[test]
    fn a_call_is_counted_by_its_code_and_cancelled_if_it_had_none() {
        let metrics = Metrics::new(|_none| {});
        drop(begin(LOGIN, &metrics));
        begin(LOGIN, &metrics).ends_as(Code::Unauthenticated);
        begin("/invented/Name", &metrics).ends_as(Code::Ok);
        let running = begin(LOGIN, &metrics);
        let text = metrics.render(&Readings::default()).unwrap();
        drop(running);
        let handled = |service: &str, method: &str, code: &str| {
            format!(
                "grpc_server_handled_total{{grpc_service=\"{service}\",grpc_method=\"{method}\",grpc_code=\"{code}\"}} 1"
            )
        };
        for line in [
            handled("auth.v1.AuthService", "Login", "CANCELLED"),
            handled("auth.v1.AuthService", "Login", "UNAUTHENTICATED"),
            handled("unknown", "unknown", "OK"),
            r#"grpc_server_call_started_total{grpc_method="auth.v1.AuthService/Login"} 3"#
                .to_owned(),
            r#"grpc_server_call_started_total{grpc_method="_OTHER"} 1"#.to_owned(),
            "grpc_server_in_flight 1".to_owned(),
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\nis not in\n{text}");
        }
    }
}
