//! Metrics that name a trace.

use super::{client, login, stop, traced};
use crate::{
    gateway::client::{exchange, request},
    harness::{Backend, Database, collector::Collector, command::Running, eventually},
};

const SAMPLED: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const NOT_SAMPLED: &str = "00-1bf7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";

/// The metrics, in the format that is asked for.
async fn metrics(running: &Running, accept: &str) -> String {
    let headers = [("accept", accept)];
    let answer = exchange(running.http, request("GET", "/metrics", &headers, "")).await;
    String::from_utf8(answer.body.to_vec()).unwrap()
}

/// From a slow bucket one gets to a call that was slow. A trace that nobody keeps is of no use there.
#[tokio::test]
async fn openmetrics_names_the_trace_of_a_call_where_it_is_kept() {
    let collector = Collector::grpc();
    let database = Database::new(Backend::Sqlite).await;
    let running = Running::start(traced(&database, &collector.url()));
    let mut auth = client(&running).await;
    for parent in [SAMPLED, NOT_SAMPLED] {
        auth.login(login(Some(parent))).await.unwrap_err();
    }
    let openmetrics = "application/openmetrics-text; version=1.0.0";
    let counted = "\ngrpc_server_call_duration_seconds_count{grpc_method=\"auth.v1.AuthService/Login\",\
                   grpc_status=\"UNAUTHENTICATED\"} 2\n";
    eventually("both calls", async || metrics(&running, openmetrics).await.contains(counted)).await;
    let text = metrics(&running, openmetrics).await;
    let named: Vec<_> =
        text.lines().filter(|line| line.contains("Login") && line.contains(" # ")).collect();
    let [line] = named[..] else { panic!("{named:?}") };
    assert!(line.starts_with("grpc_server_call_duration_seconds_bucket{"), "{line}");
    assert!(line.contains(" # {trace_id=\"0af7651916cd43dd8448eb211c80319c\"} "), "{line}");
    assert!(!metrics(&running, "text/plain").await.contains("trace_id"));
    drop(auth);
    stop(running).await;
}
