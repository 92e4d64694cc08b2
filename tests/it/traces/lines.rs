//! Lines of the log, and the traces they belong to.

use serde_json::Value;

use super::{client, login, stop, traced};
use crate::harness::{Backend, Database, collector::Collector, command::Running};

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0";

#[tokio::test]
async fn a_line_of_json_has_its_trace_and_its_span() {
    let collector = Collector::grpc();
    let database = Database::new(Backend::Sqlite).await;
    let mut command = traced(&database, &collector.url());
    command.env("COUNTERSIGN_LOG_FORMAT", "json");
    let running = Running::start_logging_json(command);
    let mut auth = client(&running).await;
    auth.login(login(Some(&format!("{PARENT}1")))).await.unwrap_err();
    auth.login(login(Some(&format!("{PARENT}0")))).await.unwrap_err();
    drop(auth);
    let logged = stop(running).await;
    let lines: Vec<Value> =
        logged.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let calls: Vec<_> = lines.iter().filter(|line| line["message"] == "rpc").collect();
    // Whether it is recorded or not, the log knows the trace.
    assert_eq!(calls.len(), 2, "{logged}");
    assert!(calls.iter().all(|call| call["trace_id"] == PARENT[3..35]), "{logged}");
    let span = collector.wait_for("auth.v1.AuthService/Login").await.span_id;
    let span: String = span.iter().map(|byte| format!("{byte:02x}")).collect();
    let ids: Vec<_> = calls.iter().filter(|call| call["span_id"] == span).collect();
    assert_eq!(ids.len(), 1, "{logged}");
    assert!(lines.iter().any(|line| line.get("trace_id").is_none()), "{logged}");
}

#[tokio::test]
async fn a_line_of_text_ends_with_them() {
    let collector = Collector::grpc();
    let database = Database::new(Backend::Sqlite).await;
    let mut running = Running::start(traced(&database, &collector.url()));
    client(&running).await.login(login(Some(&format!("{PARENT}1")))).await.unwrap_err();
    let line = running.wait_for_log("countersign::rpc");
    let (_, ids) = line.split_once(" trace_id=").unwrap();
    assert!(ids.starts_with(&format!("{} span_id=", &PARENT[3..35])) && ids.len() == 57, "{line}");
    stop(running).await;
}
