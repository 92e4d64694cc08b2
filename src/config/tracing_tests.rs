//! Settings of traces: off unless a collector is named, and checked in any case.

use super::{tracing_settings as name, values::tests::settings, *};
use crate::trace::{Sampler, Whether};

const ENDPOINT: (&str, &str) = (name::ENDPOINT.name, "http://collector:4318");

fn parse(given: &[(&str, &str)]) -> Result<Option<Tracing>, Problems> {
    let sqlite = ("DATABASE_URL", "sqlite://data/countersign.db");
    let given: Vec<_> = given.iter().copied().chain([sqlite]).collect();
    Config::parse(&settings(&[], &given)).map(|config| config.tracing)
}

fn export(given: &[(&str, &str)]) -> Export {
    parse(given).unwrap().unwrap().export
}

/// The settings that are wrong.
fn wrong(given: &[(&str, &str)]) -> Vec<String> {
    parse(given).unwrap_err().0.into_iter().map(|problem| problem.setting).collect()
}

#[test]
fn nothing_is_traced_unless_a_collector_is_named() {
    let exporter = |value| (name::EXPORTER.name, value);
    let disabled = |value| (name::SDK_DISABLED.name, value);
    for (given, is_traced) in [
        (&[][..], false),
        (&[(name::SERVICE_NAME.name, "auth"), (name::SAMPLER.name, "always_on")], false),
        (&[ENDPOINT], true),
        (&[(name::TRACES_ENDPOINT.name, "http://collector:4318/v1/traces")], true),
        (&[exporter("otlp")], true),
        (&[exporter("OTLP")], true),
        (&[ENDPOINT, exporter("none")], false),
        (&[ENDPOINT, exporter("")], true),
        (&[ENDPOINT, disabled("true")], false),
        (&[ENDPOINT, disabled("True")], false),
        (&[ENDPOINT, disabled("false")], true),
    ] {
        assert_eq!(parse(given).unwrap().is_some(), is_traced, "{given:?}");
    }
}

#[test]
fn what_is_set_for_traces_wins_over_what_is_set_for_all_signals() {
    let all = [
        (name::ENDPOINT.name, "https://all:1"),
        (name::PROTOCOL.name, "grpc"),
        (name::HEADERS.name, "a=1"),
        (name::TIMEOUT.name, "100"),
        (name::COMPRESSION.name, "gzip"),
    ];
    let of_all = export(&all);
    assert_eq!(of_all.endpoint, "https://all:1/");
    assert_eq!((of_all.protocol, of_all.gzip), (Protocol::Grpc, true));
    assert_eq!(of_all.timeout, Duration::from_millis(100));
    assert_eq!(of_all.headers["a"], "1");
    let of_traces = [
        (name::TRACES_ENDPOINT.name, "http://traces:2/in"),
        (name::TRACES_PROTOCOL.name, "http/protobuf"),
        (name::TRACES_HEADERS.name, "b=2"),
        (name::TRACES_TIMEOUT.name, "200"),
        (name::TRACES_COMPRESSION.name, "none"),
    ];
    // That of all signals has no path, with either protocol.
    let of_traces = export(&[&all[..], &of_traces].concat());
    assert_eq!(of_traces.endpoint, "http://traces:2/in");
    assert_eq!((of_traces.protocol, of_traces.gzip), (Protocol::HttpProtobuf, false));
    assert_eq!(of_traces.timeout, Duration::from_millis(200));
    assert!(of_traces.headers.len() == 1 && of_traces.headers["b"] == "2");
}

#[test]
fn an_endpoint_gets_the_path_of_its_protocol() {
    let endpoint = |given: &[(&str, &str)]| export(given).endpoint.to_string();
    let exporter = (name::EXPORTER.name, "otlp");
    let grpc = (name::PROTOCOL.name, "grpc");
    assert_eq!(endpoint(&[exporter]), "http://localhost:4318/v1/traces");
    assert_eq!(endpoint(&[exporter, grpc]), "http://localhost:4317/");
    for (given, expected) in [
        ("http://c:1", "http://c:1/v1/traces"),
        ("http://c:1/", "http://c:1/v1/traces"),
        ("https://c/otlp/", "https://c/otlp/v1/traces"),
        ("http://[::1]:1", "http://[::1]:1/v1/traces"),
        ("https://c/otlp/?key=a", "https://c/otlp/v1/traces?key=a"),
    ] {
        assert_eq!(endpoint(&[(name::ENDPOINT.name, given)]), expected);
    }
    assert_eq!(endpoint(&[(name::TRACES_ENDPOINT.name, "http://c:1")]), "http://c:1/");
    assert_eq!(endpoint(&[grpc, (name::ENDPOINT.name, "http://c:1/")]), "http://c:1/");
}

#[test]
fn samplers_are_those_of_the_specification() {
    for (sampler, argument, follows_parent, root) in [
        ("", "", true, Whether::Always),
        ("always_on", "", false, Whether::Always),
        ("Always_Off", "", false, Whether::Never),
        ("traceidratio", "0.1", false, Whether::Ratio(0.1)),
        ("traceidratio", "", false, Whether::Ratio(1.0)),
        ("parentbased_always_on", "0.1", true, Whether::Always),
        ("parentbased_always_off", "", true, Whether::Never),
        ("parentbased_traceidratio", "1e-3", true, Whether::Ratio(0.001)),
    ] {
        let given = [ENDPOINT, (name::SAMPLER.name, sampler), (name::SAMPLER_ARG.name, argument)];
        let tracing = parse(&given).unwrap().unwrap();
        assert_eq!(tracing.sampler, Sampler { follows_parent, root }, "{sampler}");
    }
}

#[test]
fn a_parent_is_read_unless_propagation_is_off() {
    for (propagators, propagates) in [
        ("", true),
        ("tracecontext", true),
        ("baggage, TraceContext", true),
        ("baggage", false),
        ("none", false),
    ] {
        let given = [ENDPOINT, (name::PROPAGATORS.name, propagators)];
        assert_eq!(parse(&given).unwrap().unwrap().propagates, propagates, "{propagators}");
    }
}

#[test]
fn a_resource_has_what_is_set_and_what_every_service_says() {
    let attributes = (name::RESOURCE_ATTRIBUTES.name, "service.name=a,team=x%2Cy%3D%C3%A9 , k=");
    let of = |given: &[(&str, &str)], key: &str| {
        let resource = export(given).resource;
        let found: Vec<_> = resource.into_iter().filter(|(name, _)| name == key).collect();
        assert!(found.len() <= 1, "{found:?}");
        found.into_iter().next().map(|(_, value)| value)
    };
    assert_eq!(of(&[ENDPOINT], "service.name").unwrap(), "countersign");
    assert_eq!(of(&[ENDPOINT], "service.version").unwrap(), env!("CARGO_PKG_VERSION"));
    assert!(of(&[ENDPOINT], "service.instance.id").is_some());
    let given = [ENDPOINT, attributes];
    assert_eq!(of(&given, "service.name").unwrap(), "a");
    assert_eq!(of(&given, "team").unwrap(), "x,y=\u{e9}");
    assert_eq!(of(&given, "k").unwrap(), "");
    let named = [ENDPOINT, attributes, (name::SERVICE_NAME.name, "b")];
    assert_eq!(of(&named, "service.name").unwrap(), "b");
}

#[test]
fn all_that_is_wrong_is_named_at_once_also_where_nothing_is_traced() {
    let given = [
        (name::SDK_DISABLED.name, "yes"),
        (name::EXPORTER.name, "console"),
        (name::BSP_MAX_QUEUE_SIZE.name, "0"),
        (name::SQL_COMMENTS.name, "true"),
        (name::PROTOCOL.name, "http/json"),
        (name::SAMPLER_ARG.name, "1.5"),
        (name::SAMPLER.name, "jaeger_remote"),
        (name::PROPAGATORS.name, "b3"),
        (name::ENDPOINT.name, "collector:4317"),
        (name::HEADERS.name, "a"),
        (name::TIMEOUT.name, "10s"),
        (name::CERTIFICATE.name, "/nowhere"),
        (name::COMPRESSION.name, "zstd"),
        (name::RESOURCE_ATTRIBUTES.name, "a=%ff"),
        (name::BSP_SCHEDULE_DELAY.name, "-1"),
        (name::BSP_EXPORT_TIMEOUT.name, "0"),
    ];
    assert_eq!(wrong(&given), given.map(|(name, _)| name.to_owned()));
    let given = [
        (name::SDK_DISABLED.name, "true"),
        (name::TRACES_PROTOCOL.name, "grpc"),
        (name::TRACES_ENDPOINT.name, "http://c:4317/v1/traces"),
    ];
    assert_eq!(wrong(&given), [name::TRACES_ENDPOINT.name]);
    let batch = (name::BSP_MAX_EXPORT_BATCH_SIZE.name, "11");
    assert_eq!(wrong(&[(name::BSP_MAX_QUEUE_SIZE.name, "10"), batch]), [batch.0]);
    // A small queue by itself also bounds the batch.
    let small = [ENDPOINT, (name::BSP_MAX_QUEUE_SIZE.name, "10")];
    assert_eq!(export(&small).batch, 10);
}

#[test]
fn no_secret_of_a_collector_is_told() {
    let secret = "hunter2";
    for (setting, value) in [
        (name::HEADERS.name, "api key=hunter2"),
        (name::HEADERS.name, "hunter2"),
        (name::TRACES_HEADERS.name, "key=hunter2%0a"),
        (name::ENDPOINT.name, "http://user:hunter2@collector"),
        (name::TRACES_ENDPOINT.name, "http://hunter2@collector"),
    ] {
        let problems = parse(&[(setting, value)]).unwrap_err();
        assert_eq!(problems.0[0].setting, setting);
        assert!(!problems.to_string().contains(secret), "{problems}");
    }
    let export = export(&[ENDPOINT, (name::HEADERS.name, "key=hunter2")]);
    assert_eq!(export.headers["key"], secret);
    assert!(!format!("{export:?}").contains(secret), "{export:?}");
}

#[test]
fn other_variables_of_opentelemetry_are_let_be() {
    let others = [("OTEL_METRICS_EXPORTER", "prometheus"), ("OTEL_LOG_LEVEL", "debug"), ENDPOINT];
    assert!(parse(&others).unwrap().is_some());
}
