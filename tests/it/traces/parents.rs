//! Traces that others have begun, and others that are told.

use opentelemetry_proto::tonic::trace::v1::Span;
use rstest::rstest;

use super::{challenge, client, logged_in, login, stop, traced};
use crate::{
    gateway::client::{exchange, request},
    harness::{
        Backend, Database,
        certificate::Certificate,
        collector::Collector,
        command::Running,
        hook::HookServer,
        mail::{MailServer, Tls},
        server::{PASSWORD, alice},
        wire::Wire,
    },
};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn of_trace(spans: Vec<Span>) -> Vec<Span> {
    spans.into_iter().filter(|span| hex(&span.trace_id) == TRACE).collect()
}

#[tokio::test]
async fn a_call_belongs_to_the_trace_that_it_comes_with_over_grpc_and_http() {
    let collector = Collector::grpc();
    let database = Database::new(Backend::Sqlite).await;
    let mut command = traced(&database, &collector.url());
    // Nothing but what others record.
    command.env("OTEL_TRACES_SAMPLER", "parentbased_always_off");
    let running = Running::start(command);
    let mut auth = client(&running).await;
    auth.login(login(Some(PARENT))).await.unwrap_err();
    auth.login(login(Some(&PARENT.replace("-01", "-00")))).await.unwrap_err();
    auth.login(login(None)).await.unwrap_err();
    for malformed in [&PARENT[1..], "00-0-0-01", &PARENT.to_uppercase(), ""] {
        auth.login(login(Some(malformed))).await.unwrap_err();
    }
    let headers = [
        ("content-type", "application/json"),
        ("traceparent", PARENT),
        ("tracestate", "congo=t61"),
    ];
    exchange(running.http, request("POST", "/v1/sessions:login", &headers, "{}")).await;
    drop(auth);
    stop(running).await;
    let spans = collector.spans();
    let roots: Vec<_> =
        spans.iter().filter(|span| hex(&span.parent_span_id) == "b7ad6b7169203331").collect();
    let names: Vec<_> = roots.iter().map(|root| root.name.as_str()).collect();
    assert_eq!(names, ["auth.v1.AuthService/Login", "POST /v1/sessions:login"]);
    assert!(roots.iter().all(|root| root.flags & 0x301 == 0x301), "{roots:?}");
    assert_eq!((roots[0].trace_state.as_str(), roots[1].trace_state.as_str()), ("", "congo=t61"));
    assert_eq!(of_trace(spans.clone()).len(), spans.len());
}

#[tokio::test]
async fn without_propagation_the_traces_of_others_do_not_count() {
    let collector = Collector::grpc();
    let database = Database::new(Backend::Sqlite).await;
    let mut command = traced(&database, &collector.url());
    command.env("OTEL_PROPAGATORS", "none");
    let running = Running::start(command);
    client(&running).await.login(login(Some(PARENT))).await.unwrap_err();
    stop(running).await;
    let spans = collector.spans();
    assert!(!spans.is_empty() && of_trace(spans).is_empty());
}

/// A message carries its trace through the outbox: its receiver is told the delivery's span, which is a part of the call's.
#[rstest]
#[tokio::test]
async fn a_webhook_is_told_the_trace_and_the_request_that_caused_its_message(
    #[values("01", "00")] sampled: &str,
) {
    let (collector, hook) = (Collector::grpc(), HookServer::start(&[], None).await);
    let database = Database::new(Backend::Sqlite).await;
    let mut command = traced(&database, &collector.url());
    command
        .env("COUNTERSIGN_DELIVERY", "webhook")
        .env("COUNTERSIGN_WEBHOOK_URL", format!("http://127.0.0.1:{}/", hook.port))
        .env("COUNTERSIGN_WEBHOOK_SECRET", "c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0");
    let running = Running::start(command);
    let mut auth = client(&running).await;
    auth.register(alice(PASSWORD)).await.unwrap();
    let mut login = login(Some(&PARENT.replace("-01", &format!("-{sampled}"))));
    login.metadata_mut().insert("tracestate", "congo=t61".parse().unwrap());
    login.metadata_mut().insert("x-request-id", "edge-1".parse().unwrap());
    challenge(auth.login(login).await);
    let calls = hook.wait_for(1).await;
    drop(auth);
    stop(running).await;
    let told = calls[0].header("traceparent");
    assert_eq!(calls[0].header("tracestate"), "congo=t61");
    assert_eq!(calls[0].header("x-request-id"), "edge-1");
    assert!(told.starts_with(&PARENT[..36]) && told.ends_with(sampled), "{told}");
    let of_trace = of_trace(collector.spans());
    let deliver = of_trace.iter().find(|span| span.name == "deliver");
    assert_eq!(deliver.is_some(), sampled == "01");
    if let Some(deliver) = deliver {
        assert_eq!(hex(&deliver.span_id), told[36..52]);
        let call = of_trace.iter().find(|span| span.span_id == deliver.parent_span_id).unwrap();
        assert_eq!(call.name, "auth.v1.AuthService/Login");
    }
}

/// Also where nothing is traced.
#[tokio::test]
async fn a_mail_says_which_request_caused_it() {
    let certificate = Certificate::of("localhost");
    let mail = MailServer::start(Tls::Always(certificate.acceptor.clone())).await;
    let database = Database::new(Backend::Sqlite).await;
    let authority = database.folder().join("authority.pem");
    std::fs::write(&authority, &certificate.pem).unwrap();
    let mut command = crate::process::serve(&database);
    command
        .env("COUNTERSIGN_DELIVERY_CA", authority)
        .env("COUNTERSIGN_DELIVERY", "smtp")
        .env("COUNTERSIGN_SMTP_URL", format!("smtps://localhost:{}", mail.port))
        .env("COUNTERSIGN_SMTP_FROM", "auth@example.com");
    let running = Running::start(command);
    let mut auth = client(&running).await;
    auth.register(alice(PASSWORD)).await.unwrap();
    let mut login = login(None);
    login.metadata_mut().insert("x-request-id", "edge-1".parse().unwrap());
    challenge(auth.login(login).await);
    assert_eq!(mail.wait_for(1).await[0].header("X-Request-ID"), Some("edge-1"));
    drop(auth);
    stop(running).await;
}

/// By a comment on BEGIN, which is no prepared statement; and by none unless it is asked for.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn postgres_is_told_the_trace_of_a_call_if_that_is_wanted(
    #[values(true, false)] wanted: bool,
) {
    let collector = Collector::grpc();
    let database = Database::new(Backend::Postgres).await;
    let (wire, url) = Wire::to(&database.url).await;
    let mut command = traced(&database, &collector.url());
    command.env("DATABASE_URL", url);
    if wanted {
        command.env("COUNTERSIGN_SQL_COMMENTS", "on");
    }
    let mut running = Running::start(command);
    logged_in(&mut running).await;
    stop(running).await;
    let said = wire.begins().join("\n");
    assert_eq!(said.contains("traceparent"), wanted, "{said}");
    if wanted {
        let register = collector.wait_for("auth.v1.AuthService/Register").await;
        let comment = format!(
            "/*traceparent='00-{}-{}-01'*/",
            hex(&register.trace_id),
            hex(&register.span_id)
        );
        assert!(said.contains(&comment), "{comment} is not in\n{said}");
    }
}
