//! Collectors that are slow, away or come back: nobody waits for them.

use std::time::{Duration, Instant};

use rstest::rstest;
use tokio::net::TcpListener;

use super::{client, logged_in, login, stop, traced};
use crate::{
    harness::{Backend, Database, collector::Collector, command::Running, eventually},
    http,
};

/// The promise: no end of the process is later than that because of a collector.
const LATEST: Duration = Duration::from_secs(2);

/// The value of a counter.
async fn counted(running: &Running, name: &str) -> u64 {
    let text = http::get(running.http, "/metrics").await.1;
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("{name}_total ")));
    line.unwrap_or_else(|| panic!("no {name} in {text}")).parse().unwrap()
}

#[tokio::test]
async fn without_a_collector_calls_and_the_end_take_no_longer() {
    // Nobody listens there any more.
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let database = Database::new(Backend::Sqlite).await;
    let mut running = Running::start(traced(&database, &format!("http://{gone}")));
    logged_in(&mut running).await;
    let begun = Instant::now();
    stop(running).await;
    assert!(begun.elapsed() < LATEST, "{:?}", begun.elapsed());
}

#[rstest]
#[tokio::test]
async fn a_collector_that_never_answers_holds_up_nothing(
    #[values("grpc", "http/protobuf")] protocol: &str,
) {
    // Connections are accepted by the kernel, and nobody reads them.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let database = Database::new(Backend::Sqlite).await;
    let endpoint = format!("http://{}", silent.local_addr().unwrap());
    let mut command = traced(&database, &endpoint);
    command.env("OTEL_EXPORTER_OTLP_PROTOCOL", protocol).env("TOKIO_WORKER_THREADS", "1");
    let mut running = Running::start(command);
    logged_in(&mut running).await;
    // It has been asked.
    let (_connection, _) = silent.accept().await.unwrap();
    logged_in_again(&running).await;
    let begun = Instant::now();
    let logged = stop(running).await;
    assert!(begun.elapsed() < LATEST, "{:?}", begun.elapsed());
    assert!(logged.contains("the last spans are not exported"), "{logged}");
}

async fn logged_in_again(running: &Running) {
    client(running).await.login(login(None)).await.unwrap();
}

/// The last spans are flushed at the end, also on one worker thread.
#[rstest]
#[tokio::test]
async fn what_is_left_at_the_end_is_sent(#[values(true, false)] by_grpc: bool) {
    let collector = if by_grpc { Collector::grpc() } else { Collector::http() };
    let database = Database::new(Backend::Sqlite).await;
    let mut command = traced(&database, &collector.url());
    command.env("OTEL_BSP_SCHEDULE_DELAY", "600000").env("TOKIO_WORKER_THREADS", "1");
    if !by_grpc {
        command.env("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf");
    }
    let mut running = Running::start(command);
    logged_in(&mut running).await;
    assert_eq!(collector.spans().len(), 0);
    let begun = Instant::now();
    stop(running).await;
    assert!(begun.elapsed() < LATEST, "{:?}", begun.elapsed());
    let names: Vec<_> = collector.spans().into_iter().map(|span| span.name).collect();
    assert!(names.contains(&"auth.v1.AuthService/Verify2FA".to_owned()), "{names:?}");
}

#[tokio::test]
async fn a_collector_that_is_killed_and_restarted_gets_the_next_spans() {
    let collector = Collector::grpc();
    let database = Database::new(Backend::Sqlite).await;
    let mut command = traced(&database, &collector.url());
    command.env("OTEL_BSP_EXPORT_TIMEOUT", "200");
    let mut running = Running::start(command);
    logged_in(&mut running).await;
    collector.wait_for("auth.v1.AuthService/Verify2FA").await;
    let address = collector.address;
    drop(collector);
    logged_in_again(&running).await;
    running.wait_for_log("spans are not exported");
    eventually("a loss", async || counted(&running, "countersign_spans_lost").await > 0).await;
    let collector = Collector::grpc_at(address);
    logged_in_again(&running).await;
    collector.wait_for("auth.v1.AuthService/Login").await;
    running.wait_for_log("spans are exported again");
    assert!(counted(&running, "countersign_spans_exported").await > 0);
    stop(running).await;
}

#[rstest]
#[case::grpc(true, 14)]
#[case::http(false, 503)]
#[tokio::test]
async fn what_a_collector_can_not_take_now_is_sent_again(#[case] by_grpc: bool, #[case] busy: u16) {
    let collector = if by_grpc { Collector::grpc() } else { Collector::http() };
    collector.answer_with(&[busy]);
    let database = Database::new(Backend::Sqlite).await;
    let mut command = traced(&database, &collector.url());
    if !by_grpc {
        command.env("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf");
    }
    let running = Running::start(command);
    client(&running).await.login(login(None)).await.unwrap_err();
    collector.wait_for("auth.v1.AuthService/Login").await;
    let logged = stop(running).await;
    assert!(!logged.contains("not exported"), "{logged}");
}

#[rstest]
#[case::grpc(true, 16)]
#[case::http(false, 401)]
#[tokio::test]
async fn what_a_collector_refuses_is_lost_and_told(#[case] by_grpc: bool, #[case] refused: u16) {
    let collector = if by_grpc { Collector::grpc() } else { Collector::http() };
    collector.answer_with(&[refused]);
    let database = Database::new(Backend::Sqlite).await;
    let mut command = traced(&database, &collector.url());
    if !by_grpc {
        command.env("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf");
    }
    let mut running = Running::start(command);
    client(&running).await.login(login(None)).await.unwrap_err();
    let line = running.wait_for_log("spans are not exported");
    assert!(line.contains("the collector answered"), "{line}");
    assert_eq!(counted(&running, "countersign_spans_exported").await, 0);
    assert!(counted(&running, "countersign_spans_lost").await > 0);
    stop(running).await;
}

#[rstest]
#[tokio::test]
async fn requests_have_the_headers_that_are_set_and_are_compressed_if_that_is_asked(
    #[values(true, false)] by_grpc: bool,
) {
    let collector = if by_grpc { Collector::grpc() } else { Collector::http() };
    let database = Database::new(Backend::Sqlite).await;
    let mut command = traced(&database, &collector.url());
    command.env("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20x,x-tenant=a");
    command.env("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip");
    if !by_grpc {
        command.env("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf");
    }
    let mut running = Running::start(command);
    logged_in(&mut running).await;
    stop(running).await;
    let requests = collector.requests();
    assert!(!requests.is_empty());
    for (headers, _) in requests {
        assert_eq!(headers["authorization"], "Bearer x");
        assert_eq!(headers["x-tenant"], "a");
        let encoding = if by_grpc { "grpc-encoding" } else { "content-encoding" };
        assert_eq!(headers[encoding], "gzip");
    }
}
