//! A database that is made anew under a running server.

use std::time::{Duration, Instant};

use countersign::store;
use serde_json::Value;
use sqlx::Executor as _;
use tonic::Code;
use tonic_health::pb::health_check_response::ServingStatus;

use super::{becomes, serve, write};
use crate::harness::{Backend, Database, eventually, logs};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_that_are_gone_are_told_once_and_the_service_is_back_once_migrated() {
    let database = Database::empty(Backend::Postgres).await;
    let server = serve(&database.url, |_, environment| {
        environment.reload_keys_every = Duration::from_millis(50);
    })
    .await;
    becomes(&server, ServingStatus::Serving).await;
    let gone = Instant::now();
    // It does not answer at first: that is the first reason, and the schema the second.
    let mut connection = database.lock("_sqlx_migrations").await;
    becomes(&server, ServingStatus::NotServing).await;
    connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public; COMMIT").await.unwrap();
    for _ in 0..50 {
        assert_eq!(write(&server.auth).await.unwrap_err().code(), Code::Unavailable);
    }
    // No other test has a schema of version 0 under a running server, or lets its tables go.
    let told = || {
        let clear = logs::events_with("the schema is at version 0 and must be at");
        clear.iter().filter(|event| event["message"] == "not ready").count()
    };
    eventually("the reason", async || told() > 0).await;
    // Readiness, the keys, what is removed: once each. The calls: once in ten seconds, however many they are.
    let lines = logs::events_with("relation \\\"");
    // Other tests take the table of events away from servers of their own, and nothing else.
    let is_ours = |event: &&Value| !event.to_string().contains("relation \\\"events");
    let loud = lines.iter().filter(is_ours);
    let loud = loud.filter(|event| ["WARN", "ERROR"].contains(&event["level"].as_str().unwrap()));
    let loud: Vec<_> = loud.collect();
    let most = 3 + gone.elapsed().as_secs() / 10;
    assert!(loud.len() as u64 <= most, "{} lines: {loud:#?}", loud.len());
    store::connect(&database.url, 1).await.unwrap().migrate().await.unwrap();
    becomes(&server, ServingStatus::Serving).await;
    assert_eq!(told(), 1);
    write(&server.auth).await.unwrap();
}
