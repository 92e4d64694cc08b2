//! The tree of spans that docs/traces.md shows.

use opentelemetry_proto::tonic::trace::v1::{Span, span::SpanKind, status::StatusCode};
use rstest::rstest;

use super::{client, logged_in, login, stop, traced};
use crate::{
    gateway::client::{exchange, request},
    harness::{
        Backend, Database,
        collector::{Collector, attribute},
        command::Running,
        eventually,
        server::{PASSWORD, alice},
    },
    http,
};

const LOGIN: &str = "auth.v1.AuthService/Login";
const VERIFY: &str = "auth.v1.AuthService/Verify2FA";

fn attr(span: &Span, key: &str) -> String {
    attribute(&span.attributes, key).unwrap_or_default()
}

fn is_failed(span: &Span) -> bool {
    span.status.as_ref().is_some_and(|status| status.code == i32::from(StatusCode::Error))
}

/// The parts of a span, in the order in which they began.
fn parts<'a>(spans: &'a [Span], of: &Span) -> Vec<&'a Span> {
    let mut parts: Vec<_> = spans.iter().filter(|span| span.parent_span_id == of.span_id).collect();
    parts.sort_by_key(|part| part.start_time_unix_nano);
    for part in &parts {
        assert_eq!(part.trace_id, of.trace_id);
        assert!(part.start_time_unix_nano >= of.start_time_unix_nano, "{part:?}");
        assert!(part.end_time_unix_nano >= part.start_time_unix_nano, "{part:?}");
    }
    parts
}

fn names(parts: &[&Span]) -> Vec<String> {
    parts.iter().map(|part| part.name.clone()).collect()
}

/// The one span of that name.
fn only<'a>(spans: &'a [Span], name: &str) -> &'a Span {
    let mut found = spans.iter().filter(|span| span.name == name);
    let only = found.next().unwrap_or_else(|| panic!("no {name}"));
    assert!(found.next().is_none(), "{name} comes twice");
    only
}

#[rstest]
#[tokio::test]
async fn a_login_with_a_second_factor_is_a_tree_of_spans(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
    #[values(true, false)] by_grpc: bool,
) {
    let collector = if by_grpc { Collector::grpc() } else { Collector::http() };
    let database = Database::new(backend).await;
    let mut command = traced(&database, &collector.url());
    if !by_grpc {
        command.env("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf");
    }
    let mut running = Running::start(command);
    logged_in(&mut running).await;
    let logged = stop(running).await;
    assert!(!logged.contains("not exported"), "{logged}");
    let spans = collector.spans();

    let login = only(&spans, LOGIN);
    assert_eq!((login.kind(), login.parent_span_id.len()), (SpanKind::Server, 0));
    assert_eq!(attr(login, "rpc.system.name"), "grpc");
    assert_eq!(attr(login, "rpc.method"), LOGIN);
    assert_eq!(attr(login, "rpc.response.status_code"), "OK");
    assert!(!is_failed(login));
    let login_parts = parts(&spans, login);
    let mut names_of_login = names(&login_parts);
    names_of_login.retain(|name| !name.starts_with("store "));
    assert_eq!(names_of_login, ["password queue", "password hash", "deliver"]);
    let system = if backend == Backend::Sqlite { "sqlite" } else { "postgresql" };
    let stores: Vec<_> =
        login_parts.iter().filter(|part| part.name.starts_with("store ")).collect();
    assert!(stores.len() >= 3, "{:?}", names(&login_parts));
    for store in stores {
        assert_eq!(store.kind(), SpanKind::Client);
        assert_eq!(attr(store, "db.system.name"), system);
        assert_eq!(store.name, format!("store {}", attr(store, "db.operation.name")));
    }
    let deliver = login_parts.iter().find(|part| part.name == "deliver").unwrap();
    assert_eq!(attr(deliver, "countersign.message.kind"), "login");
    let [queue, hash] = ["password queue", "password hash"]
        .map(|name| login_parts.iter().find(|part| part.name == name).unwrap());
    assert_eq!(queue.end_time_unix_nano, hash.start_time_unix_nano);

    let verify = only(&spans, VERIFY);
    assert_ne!(verify.trace_id, login.trace_id);
    let verify_parts = names(&parts(&spans, verify));
    assert!(!verify_parts.is_empty());
    assert!(verify_parts.iter().all(|name| name.starts_with("store ")), "{verify_parts:?}");
}

#[tokio::test]
async fn all_spans_say_whose_they_are() {
    let collector = Collector::grpc();
    let database = Database::new(Backend::Sqlite).await;
    let mut command = traced(&database, &collector.url());
    command.env("OTEL_SERVICE_NAME", "auth");
    command.env("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=a%20b,service.name=x");
    let mut running = Running::start(command);
    logged_in(&mut running).await;
    stop(running).await;
    let requests = collector.requests();
    assert!(!requests.is_empty());
    for (_, request) in requests {
        let [of] = &request.resource_spans[..] else { panic!("{request:?}") };
        let resource = &of.resource.as_ref().unwrap().attributes;
        let said = |key| attribute(resource, key).unwrap();
        assert_eq!(said("service.name"), "auth");
        assert_eq!(said("deployment.environment.name"), "a b");
        assert_eq!(said("service.version"), env!("CARGO_PKG_VERSION"));
        assert_eq!(of.scope_spans[0].scope.as_ref().unwrap().name, "countersign");
    }
}

#[tokio::test]
async fn a_call_as_json_is_a_part_of_its_request_and_refusals_are_told() {
    let collector = Collector::grpc();
    let database = Database::new(Backend::Sqlite).await;
    let running = Running::start(traced(&database, &collector.url()));
    let body = r#"{"username":"nobody","password":"a wrong one"}"#;
    let json = [("content-type", "application/json")];
    let answer = exchange(running.http, request("POST", "/v1/sessions:login", &json, body)).await;
    assert_eq!(answer.status, 401);
    for probe in ["/livez", "/readyz", "/metrics"] {
        http::get(running.http, probe).await;
    }
    stop(running).await;
    let spans = collector.spans();
    let outer = only(&spans, "POST /v1/sessions:login");
    assert_eq!(outer.kind(), SpanKind::Server);
    assert_eq!(attr(outer, "http.request.method"), "POST");
    assert_eq!(attr(outer, "http.route"), "/v1/sessions:login");
    assert_eq!(attr(outer, "http.response.status_code"), "401");
    let inner = parts(&spans, outer);
    assert_eq!(names(&inner), [LOGIN]);
    assert_eq!(inner[0].kind(), SpanKind::Internal);
    assert_eq!(attr(inner[0], "rpc.response.status_code"), "UNAUTHENTICATED");
    // What a caller does wrong is no failure of the server.
    assert!(!is_failed(outer) && !is_failed(inner[0]));
    assert!(spans.iter().all(|span| !span.name.contains("ready") && !span.name.contains("live")));
}

/// A sampled part of the calls: each trace is whole or not there.
#[tokio::test]
async fn of_a_part_of_the_calls_each_is_recorded_as_a_whole() {
    const CALLS: usize = 60;
    let collector = Collector::grpc();
    let database = Database::new(Backend::Sqlite).await;
    let mut command = traced(&database, &collector.url());
    command.env("OTEL_TRACES_SAMPLER", "traceidratio").env("OTEL_TRACES_SAMPLER_ARG", "0.5");
    let running = Running::start(command);
    let json = [("content-type", "application/json")];
    for _ in 0..CALLS {
        exchange(running.http, request("POST", "/v1/sessions:login", &json, "{}")).await;
    }
    stop(running).await;
    let spans = collector.spans();
    let outer: Vec<_> = spans.iter().filter(|span| span.name.starts_with("POST")).collect();
    // Less than one in a million runs is outside.
    assert!((10..=50).contains(&outer.len()), "{}", outer.len());
    assert!(outer.iter().all(|outer| names(&parts(&spans, outer)) == [LOGIN]));
    assert_eq!(spans.len(), 2 * outer.len());
}

/// A failure of the server is marked, so that a collector can keep those traces.
#[tokio::test]
async fn what_fails_by_the_servers_fault_is_marked() {
    let collector = Collector::grpc();
    let database = Database::new(Backend::Postgres).await;
    let running = Running::start(traced(&database, &collector.url()));
    let mut auth = client(&running).await;
    auth.register(alice(PASSWORD)).await.unwrap();
    database.set_away(true).await;
    let mut code = tonic::Code::Ok;
    eventually("a failure", async || {
        code =
            auth.login(login(None)).await.map_or_else(|status| status.code(), |_| tonic::Code::Ok);
        code == tonic::Code::Unavailable
    })
    .await;
    database.set_away(false).await;
    stop(running).await;
    let spans = collector.spans();
    let failed: Vec<_> = spans.iter().filter(|span| is_failed(span)).collect();
    let login = failed.iter().find(|span| span.name == LOGIN).unwrap();
    assert_eq!(attr(login, "error.type"), "UNAVAILABLE");
    let mut stores = failed.iter().filter(|span| span.name.starts_with("store "));
    assert!(stores.any(|store| attr(store, "error.type") == "unavailable"));
}
