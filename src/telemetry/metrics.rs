//! Prometheus metrics. The names of the gRPC ones are those that go-grpc-middleware made common.

use std::{sync::Arc, time::Duration};

use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram, info::Info},
    registry::{Registry, Unit},
};

use crate::store::PoolUse;

/// Buckets of RPC durations in seconds, from under a millisecond (a token check) to the longest deadline.
const BUCKETS: [f64; 15] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// The RPC labels of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RpcLabels {
    /// The service with its package.
    pub grpc_service: &'static str,
    /// The method.
    pub grpc_method: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    grpc_service: &'static str,
    grpc_method: &'static str,
    grpc_code: &'static str,
}

/// The labels of a metric about HTTP, as OpenTelemetry's semantic conventions name them.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct HttpLabels {
    /// The method.
    pub http_request_method: &'static str,
    /// The route: never a caller's text.
    pub http_route: &'static str,
    /// The status.
    pub http_response_status_code: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PoolLabels {
    state: &'static str,
}

/// All metrics of one server. Cheap to clone: each call has one.
#[derive(Debug, Clone)]
pub struct Metrics(Arc<Figures>);

#[derive(Debug)]
struct Figures {
    registry: Registry,
    handled: Family<OutcomeLabels, Counter>,
    handling: Family<RpcLabels, Histogram, fn() -> Histogram>,
    http: Family<HttpLabels, Histogram, fn() -> Histogram>,
    in_flight: Gauge,
    malformed: Counter,
    pool: Family<PoolLabels, Gauge>,
    revocation_streams: Gauge,
}

impl Metrics {
    /// Metrics that all begin at zero, beside those that `others` registers.
    pub fn new(others: impl FnOnce(&mut Registry)) -> Self {
        let mut registry = Registry::default();
        others(&mut registry);
        let handled = Family::default();
        let handling: Family<_, _, fn() -> Histogram> =
            Family::new_with_constructor(|| Histogram::new(BUCKETS));
        let http: Family<_, _, fn() -> Histogram> =
            Family::new_with_constructor(|| Histogram::new(BUCKETS));
        registry.register_with_unit(
            "http_server_request_duration",
            "How long HTTP requests took, by status",
            Unit::Seconds,
            http.clone(),
        );
        let (in_flight, pool) = (Gauge::default(), Family::default());
        registry.register("grpc_server_handled", "RPCs that ended, by code", handled.clone());
        registry.register_with_unit(
            "grpc_server_handling",
            "How long RPCs took",
            Unit::Seconds,
            handling.clone(),
        );
        registry.register("grpc_server_in_flight", "RPCs that run now", in_flight.clone());
        let malformed = Counter::default();
        registry.register(
            "countersign_grpc_malformed_requests",
            "Requests that HTTP/2 refused before they were calls",
            malformed.clone(),
        );
        registry.register(
            "countersign_database_connections",
            "Connections to the database, by state",
            pool.clone(),
        );
        let revocation_streams = Gauge::default();
        registry.register(
            "countersign_revocation_streams",
            "Streams of revocations that are open now",
            revocation_streams.clone(),
        );
        registry.register(
            "countersign_build",
            "What this program is",
            Info::new([("version", env!("CARGO_PKG_VERSION"))]),
        );
        Self(Arc::new(Figures {
            registry,
            handled,
            handling,
            http,
            in_flight,
            malformed,
            pool,
            revocation_streams,
        }))
    }

    /// Counts an RPC that has begun.
    pub fn rpc_begun(&self) {
        self.0.in_flight.inc();
    }

    /// Records an RPC that ended with `code`, the name of a gRPC status code.
    pub fn rpc_ended(&self, rpc: RpcLabels, code: &'static str, took: Duration) {
        self.0.in_flight.dec();
        self.0.handling.get_or_create(&rpc).observe(took.as_secs_f64());
        let RpcLabels { grpc_service, grpc_method } = rpc;
        let labels = OutcomeLabels { grpc_service, grpc_method, grpc_code: code };
        self.0.handled.get_or_create(&labels).inc();
    }

    /// Records an HTTP request that has ended.
    pub fn http_ended(&self, labels: &HttpLabels, took: Duration) {
        self.0.http.get_or_create(labels).observe(took.as_secs_f64());
    }

    /// Counts requests that HTTP/2 itself refused for a malformed head.
    pub fn requests_malformed(&self, number: usize) {
        self.0.malformed.inc_by(u64::try_from(number).unwrap_or(u64::MAX));
    }

    /// All metrics in OpenMetrics' text format, with those that only others can count.
    ///
    /// # Errors
    /// Never in practice: writing to memory.
    pub fn render(
        &self,
        pool: PoolUse,
        revocation_streams: usize,
    ) -> Result<String, std::fmt::Error> {
        self.0.revocation_streams.set(i64::try_from(revocation_streams).unwrap_or(i64::MAX));
        for (state, number) in [("open", pool.open), ("idle", pool.idle), ("max", pool.max)] {
            self.0.pool.get_or_create(&PoolLabels { state }).set(i64::from(number));
        }
        let mut text = String::new();
        encode(&mut text, &self.0.registry)?;
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_carry_the_common_names() {
        let metrics = Metrics::new(|_none| {});
        let rpc = RpcLabels { grpc_service: "auth.v1.AuthService", grpc_method: "Login" };
        metrics.rpc_begun();
        metrics.rpc_ended(rpc, "OK", Duration::from_millis(3));
        let text = metrics.render(PoolUse { open: 2, idle: 1, max: 10 }, 3).unwrap();
        let rpc = r#"{grpc_service="auth.v1.AuthService",grpc_method="Login""#;
        for line in [
            format!(r#"grpc_server_handled_total{rpc},grpc_code="OK"}} 1"#),
            format!("grpc_server_handling_seconds_count{rpc}}} 1"),
            "grpc_server_in_flight 0".to_owned(),
            r#"countersign_database_connections{state="open"} 2"#.to_owned(),
            "countersign_revocation_streams 3".to_owned(),
            format!(r#"countersign_build_info{{version="{}"}} 1"#, env!("CARGO_PKG_VERSION")),
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\nis not in\n{text}");
        }
    }
}
