//! Prometheus metrics: those of calls, and those that are read only when somebody asks. `docs/metrics.md` has all of them.

use std::{
    sync::{Arc, Mutex, PoisonError, atomic::AtomicU64},
    time::Duration,
};

use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram, info::Info},
    registry::{Registry, Unit},
};

use super::rpcs::{BUCKETS, RpcEnd, RpcName, Rpcs};
use crate::store::PoolUse;

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

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KeyLabels {
    algorithm: &'static str,
}

/// What is read only when somebody asks for the metrics.
#[derive(Debug, Clone, Copy, Default)]
pub struct Readings {
    /// Of the store.
    pub pool: PoolUse,
    /// Streams of revocations that are open.
    pub revocation_streams: usize,
    /// How long ago the last complete reading of the revocation log began.
    pub revocations_lag: Duration,
    /// The algorithm and the age of the key that signs; `None` with a configured secret.
    pub signing_key: Option<(&'static str, Duration)>,
}

/// All metrics of one server. Cheap to clone: each call has one.
#[derive(Debug, Clone)]
pub struct Metrics(Arc<Figures>);

#[derive(Debug)]
struct Figures {
    registry: Registry,
    rpcs: Rpcs,
    http: Family<HttpLabels, Histogram, fn() -> Histogram>,
    malformed: Counter,
    pool: Family<PoolLabels, Gauge>,
    revocation_streams: Gauge,
    revocations_lag: Gauge<f64, AtomicU64>,
    signing_key_age: Family<KeyLabels, Gauge<f64, AtomicU64>>,
    /// One scrape at a time: what is read for it is taken in several steps.
    scrape: Mutex<()>,
}

impl Metrics {
    /// Metrics that all begin at zero, beside those that `others` registers.
    pub fn new(others: impl FnOnce(&mut Registry)) -> Self {
        let mut figures = Figures {
            registry: Registry::default(),
            rpcs: Rpcs::default(),
            http: Family::new_with_constructor(|| Histogram::new(BUCKETS)),
            malformed: Counter::default(),
            pool: Family::default(),
            revocation_streams: Gauge::default(),
            revocations_lag: Gauge::default(),
            signing_key_age: Family::default(),
            scrape: Mutex::default(),
        };
        others(&mut figures.registry);
        figures.register();
        Self(Arc::new(figures))
    }

    /// Counts an RPC that has begun.
    pub fn rpc_begun(&self, rpc: RpcName) {
        self.0.rpcs.begun(rpc);
    }

    /// Records an RPC that has ended.
    pub fn rpc_ended(&self, rpc: RpcName, end: RpcEnd) {
        self.0.rpcs.ended(rpc, end);
    }

    /// Records an HTTP request that has ended.
    pub fn http_ended(&self, labels: &HttpLabels, took: Duration) {
        self.0.http.get_or_create(labels).observe(took.as_secs_f64());
    }

    /// Counts requests that HTTP/2 itself refused for a malformed head.
    pub fn requests_malformed(&self, number: usize) {
        self.0.malformed.inc_by(u64::try_from(number).unwrap_or(u64::MAX));
    }

    /// All metrics in OpenMetrics' text format.
    ///
    /// # Errors
    /// Never in practice: writing to memory.
    pub fn render(&self, readings: &Readings) -> Result<String, std::fmt::Error> {
        let _alone = self.0.scrape.lock().unwrap_or_else(PoisonError::into_inner);
        self.0.take(readings);
        let mut text = String::new();
        encode(&mut text, &self.0.registry)?;
        Ok(text)
    }
}

impl Figures {
    fn register(&mut self) {
        let registry = &mut self.registry;
        self.rpcs.register(registry);
        registry.register_with_unit(
            "http_server_request_duration",
            "How long HTTP requests took, by status",
            Unit::Seconds,
            self.http.clone(),
        );
        registry.register(
            "countersign_grpc_malformed_requests",
            "Requests that HTTP/2 refused before they were calls",
            self.malformed.clone(),
        );
        registry.register(
            "countersign_database_connections",
            "Connections to the database, by state",
            self.pool.clone(),
        );
        registry.register(
            "countersign_revocation_streams",
            "Streams of revocations that are open now",
            self.revocation_streams.clone(),
        );
        registry.register_with_unit(
            "countersign_revocations_lag",
            "How long ago the last complete reading of the revocation log began: older revocations are known here",
            Unit::Seconds,
            self.revocations_lag.clone(),
        );
        registry.register_with_unit(
            "countersign_signing_key_age",
            "How long ago the key that signs was made; none with a configured secret",
            Unit::Seconds,
            self.signing_key_age.clone(),
        );
        registry.register(
            "countersign_build",
            "What this program is",
            Info::new([("version", env!("CARGO_PKG_VERSION"))]),
        );
    }

    fn take(&self, readings: &Readings) {
        let Readings { pool, revocation_streams, revocations_lag, signing_key } = *readings;
        for (state, number) in [("open", pool.open), ("idle", pool.idle), ("max", pool.max)] {
            self.pool.get_or_create(&PoolLabels { state }).set(i64::from(number));
        }
        self.revocation_streams.set(i64::try_from(revocation_streams).unwrap_or(i64::MAX));
        self.revocations_lag.set(revocations_lag.as_secs_f64());
        // After another one has taken over, whose algorithm may differ.
        self.signing_key_age.clear();
        if let Some((algorithm, age)) = signing_key {
            self.signing_key_age.get_or_create(&KeyLabels { algorithm }).set(age.as_secs_f64());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::text_format;

    const LOGIN: RpcName = RpcName {
        service: "auth.v1.AuthService",
        method: "Login",
        full: "auth.v1.AuthService/Login",
    };

    fn assert_has(text: &str, lines: &[&str]) {
        for line in lines {
            assert!(text.lines().any(|found| found == *line), "{line}\nis not in\n{text}");
        }
    }

    #[test]
    fn figures_carry_the_common_names_and_those_of_a66() {
        let metrics = Metrics::new(|_none| {});
        metrics.rpc_begun(LOGIN);
        let took = Duration::from_millis(3);
        let end = RpcEnd { code: "OK", took, sent: 1025, received: 1024, trace_id: None };
        metrics.rpc_ended(LOGIN, end);
        metrics.rpc_begun(RpcName::OTHER);
        let text = metrics.render(&Readings::default()).unwrap();
        let size = "total_compressed_message_size_bytes";
        let a66 = r#"grpc_method="auth.v1.AuthService/Login",grpc_status="OK""#;
        assert_has(
            &text,
            &[
                r#"grpc_server_handled_total{grpc_service="auth.v1.AuthService",grpc_method="Login",grpc_code="OK"} 1"#,
                r#"grpc_server_handling_seconds_count{grpc_service="auth.v1.AuthService",grpc_method="Login"} 1"#,
                "grpc_server_in_flight 1",
                r#"grpc_server_call_started_total{grpc_method="auth.v1.AuthService/Login"} 1"#,
                r#"grpc_server_call_started_total{grpc_method="_OTHER"} 1"#,
                &format!(r#"grpc_server_call_duration_seconds_bucket{{le="0.002",{a66}}} 0"#),
                &format!(r#"grpc_server_call_duration_seconds_bucket{{le="0.003",{a66}}} 1"#),
                &format!(r#"grpc_server_call_sent_{size}_sum{{{a66}}} 1025.0"#),
                &format!(r#"grpc_server_call_sent_{size}_bucket{{le="1024.0",{a66}}} 0"#),
                &format!(r#"grpc_server_call_rcvd_{size}_bucket{{le="1024.0",{a66}}} 1"#),
            ],
        );
    }

    #[test]
    fn what_is_read_when_somebody_asks_is_as_it_is_then() {
        let metrics = Metrics::new(|_none| {});
        let pool = PoolUse { open: 2, idle: 1, max: 10 };
        let (lag, age) = (Duration::from_millis(1500), Duration::from_secs(60));
        let render = |signing_key| {
            let readings =
                Readings { pool, revocation_streams: 3, revocations_lag: lag, signing_key };
            metrics.render(&readings).unwrap()
        };
        let key = |algorithm| {
            format!("countersign_signing_key_age_seconds{{algorithm=\"{algorithm}\"}} 60.0")
        };
        assert_has(
            &render(Some(("ES256", age))),
            &[
                r#"countersign_database_connections{state="open"} 2"#,
                "countersign_revocation_streams 3",
                "countersign_revocations_lag_seconds 1.5",
                &key("ES256"),
                concat!("countersign_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"} 1"),
            ],
        );
        let next = render(Some(("EdDSA", age)));
        assert_has(&next, &[&key("EdDSA")]);
        assert!(!next.contains("ES256"), "{next}");
        assert!(!render(None).contains("algorithm="));
    }

    #[test]
    fn two_who_ask_at_a_time_get_all() {
        let metrics = Metrics::new(|_none| {});
        let signing_key = Some(("ES256", Duration::from_secs(60)));
        let ask = || {
            for _ in 0..500 {
                let readings = Readings { signing_key, ..Readings::default() };
                let text = metrics.render(&readings).unwrap();
                assert!(text.contains("countersign_signing_key_age_seconds{"), "{text}");
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(ask);
            }
        });
    }

    #[test]
    fn a_trace_is_named_in_openmetrics_alone() {
        let metrics = Metrics::new(|_none| {});
        let end = |millis, trace_id: Option<&str>| RpcEnd {
            code: "OK",
            took: Duration::from_millis(millis),
            trace_id: trace_id.map(str::to_owned),
            ..RpcEnd::default()
        };
        let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
        metrics.rpc_ended(LOGIN, end(1, Some(trace)));
        metrics.rpc_ended(LOGIN, end(1, None));
        metrics.rpc_ended(LOGIN, end(4, None));
        let text = metrics.render(&Readings::default()).unwrap();
        let named: Vec<_> = text.lines().filter(|line| line.contains(" # {")).collect();
        let [line] = named[..] else { panic!("{named:?}") };
        let (sample, exemplar) = line.split_once(" # ").unwrap();
        assert!(sample.starts_with("grpc_server_call_duration_seconds_bucket{le=\"0.001\","));
        assert!(sample.ends_with(" 2"), "{line}");
        let parts: Vec<_> = exemplar.split(' ').collect();
        assert_eq!(parts[..2], [&*format!("{{trace_id=\"{trace}\"}}"), "0.001"], "{line}");
        assert!(parts[2].parse::<f64>().is_ok_and(|at| at > 1.7e9), "{line}");
        assert!(!text_format(&text).unwrap().contains(trace));
    }
}
