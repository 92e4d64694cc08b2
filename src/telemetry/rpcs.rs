//! The metrics of RPCs, twice: under the names that go-grpc-middleware made common, and as gRFC A66 defines them, under
//! the names that OpenTelemetry's exporter for Prometheus makes of its own.

use std::time::{Duration, SystemTime};

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{
        counter::Counter, exemplar::HistogramWithExemplars, family::Family, gauge::Gauge,
        histogram::Histogram,
    },
    registry::{Registry, Unit},
};

/// Buckets of durations in seconds, from under a millisecond (a token check) to the longest deadline.
pub(super) const BUCKETS: [f64; 15] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// A66's buckets of durations, in seconds.
const LATENCIES: [f64; 41] = [
    0.0, 0.00001, 0.00005, 0.0001, 0.0003, 0.0006, 0.0008, 0.001, 0.002, 0.003, 0.004, 0.005,
    0.006, 0.008, 0.01, 0.013, 0.016, 0.02, 0.025, 0.03, 0.04, 0.05, 0.065, 0.08, 0.1, 0.13, 0.16,
    0.2, 0.25, 0.3, 0.4, 0.5, 0.65, 0.8, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0,
];

/// A66's buckets of sizes, in bytes.
const SIZES: [f64; 14] = [
    0.0,
    1024.0,
    2048.0,
    4096.0,
    16_384.0,
    65_536.0,
    262_144.0,
    1_048_576.0,
    4_194_304.0,
    16_777_216.0,
    67_108_864.0,
    268_435_456.0,
    1_073_741_824.0,
    4_294_967_296.0,
];

/// An RPC, as metrics name it. Never a caller's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RpcName {
    /// The service with its package.
    pub service: &'static str,
    /// The method.
    pub method: &'static str,
    /// Both, as in the path, without its first slash.
    pub full: &'static str,
}

impl RpcName {
    /// All that is no RPC of this server. A66 says `other`; OpenTelemetry's conventions have since settled on `_OTHER`, which
    /// traces have as well.
    pub const OTHER: Self = Self { service: "unknown", method: "unknown", full: "_OTHER" };
}

/// How an RPC ended.
#[derive(Debug, Clone, Default)]
pub struct RpcEnd {
    /// The name of its status code.
    pub code: &'static str,
    /// How long it took.
    pub took: Duration,
    /// The bytes of all messages that were sent, as they were sent: compressed, if they were, and without gRPC's framing.
    pub sent: u64,
    /// The same of those that were received.
    pub received: u64,
    /// The trace that it belongs to, if that is recorded.
    pub trace_id: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RpcLabels {
    grpc_service: &'static str,
    grpc_method: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    grpc_service: &'static str,
    grpc_method: &'static str,
    grpc_code: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct MethodLabels {
    grpc_method: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StatusLabels {
    grpc_method: &'static str,
    grpc_status: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TraceLabels {
    trace_id: String,
}

type Latency = HistogramWithExemplars<TraceLabels>;

/// The metrics of RPCs.
#[derive(Debug)]
pub(super) struct Rpcs {
    handled: Family<OutcomeLabels, Counter>,
    handling: Family<RpcLabels, Histogram, fn() -> Histogram>,
    in_flight: Gauge,
    started: Family<MethodLabels, Counter>,
    duration: Family<StatusLabels, Latency, fn() -> Latency>,
    sent: Family<StatusLabels, Histogram, fn() -> Histogram>,
    received: Family<StatusLabels, Histogram, fn() -> Histogram>,
}

impl Default for Rpcs {
    fn default() -> Self {
        let sizes: fn() -> Histogram = || Histogram::new(SIZES);
        Self {
            handled: Family::default(),
            handling: Family::new_with_constructor(|| Histogram::new(BUCKETS)),
            in_flight: Gauge::default(),
            started: Family::default(),
            duration: Family::new_with_constructor(|| Latency::new(LATENCIES.into_iter())),
            sent: Family::new_with_constructor(sizes),
            received: Family::new_with_constructor(sizes),
        }
    }
}

impl Rpcs {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register("grpc_server_handled", "RPCs that ended, by code", self.handled.clone());
        registry.register_with_unit(
            "grpc_server_handling",
            "How long RPCs took",
            Unit::Seconds,
            self.handling.clone(),
        );
        registry.register("grpc_server_in_flight", "RPCs that run now", self.in_flight.clone());
        registry.register(
            "grpc_server_call_started",
            "RPCs that began, also those that have not ended",
            self.started.clone(),
        );
        registry.register_with_unit(
            "grpc_server_call_duration",
            "How long RPCs took, by status",
            Unit::Seconds,
            self.duration.clone(),
        );
        registry.register_with_unit(
            "grpc_server_call_sent_total_compressed_message_size",
            "Bytes of all messages that an RPC sent, as they were sent, without framing",
            Unit::Bytes,
            self.sent.clone(),
        );
        registry.register_with_unit(
            "grpc_server_call_rcvd_total_compressed_message_size",
            "Bytes of all messages that an RPC received, as they were sent, without framing",
            Unit::Bytes,
            self.received.clone(),
        );
    }

    pub(super) fn begun(&self, rpc: RpcName) {
        self.in_flight.inc();
        self.started.get_or_create(&MethodLabels { grpc_method: rpc.full }).inc();
    }

    pub(super) fn ended(&self, rpc: RpcName, end: RpcEnd) {
        let RpcEnd { code, took, sent, received, trace_id } = end;
        self.in_flight.dec();
        let (service, method, took) = (rpc.service, rpc.method, took.as_secs_f64());
        let labels = RpcLabels { grpc_service: service, grpc_method: method };
        self.handling.get_or_create(&labels).observe(took);
        let labels = OutcomeLabels { grpc_service: service, grpc_method: method, grpc_code: code };
        self.handled.get_or_create(&labels).inc();
        let labels = StatusLabels { grpc_method: rpc.full, grpc_status: code };
        let trace = trace_id.map(|trace_id| TraceLabels { trace_id });
        let at = trace.is_some().then(SystemTime::now);
        self.duration.get_or_create(&labels).observe(took, trace, at);
        self.sent.get_or_create(&labels).observe(sent as f64);
        self.received.get_or_create(&labels).observe(received as f64);
    }
}
