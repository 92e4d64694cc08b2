//! How the server ends.

use std::{pin::pin, time::Duration};

use countersign::grpc::SERVICES;
use futures_util::poll;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use crate::{
    harness::{Backend, Server, eventually, server::registration, soon},
    http::in_flight,
};

/// tonic alone would wait for the open stream for ever.
#[tokio::test]
async fn watchers_see_not_serving_and_then_the_end_of_their_stream() {
    let server = Server::start(Backend::Sqlite).await;
    let mut client = HealthClient::new(server.channel.clone());
    let service = SERVICES[0].to_owned();
    let mut watch = client.watch(HealthCheckRequest { service }).await.unwrap().into_inner();
    let mut alive = client.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    while watch.message().await.unwrap().unwrap().status() != ServingStatus::Serving {}
    server.stop().await.unwrap();
    let mut seen = Vec::new();
    while let Some(status) = soon("the stream's end", watch.message()).await.unwrap() {
        seen.push(status.status());
    }
    assert_eq!(seen.last(), Some(&ServingStatus::NotServing));
    while let Some(status) = soon("the stream's end", alive.message()).await.unwrap() {
        assert_eq!(status.status(), ServingStatus::Serving, "the process was alive");
    }
}

/// Whoever watches readiness turns elsewhere before connections are closed.
#[tokio::test]
async fn until_the_drain_delay_is_over_it_says_not_ready_and_still_answers() {
    let mut server = Server::start_with(Backend::Sqlite, |config, _| {
        config.listen.drain_delay = Duration::from_secs(3600);
    })
    .await;
    let ready = async || crate::http::get(server.http, "/readyz").await.0.contains(" 200 ");
    eventually("ready", ready).await;
    drop(server.stop.take());
    eventually("not ready", async || !ready().await).await;
    let service = SERVICES[0].to_owned();
    let mut client = HealthClient::new(server.channel.clone());
    let said = client.check(HealthCheckRequest { service }).await.unwrap().into_inner();
    assert_eq!(said.status(), ServingStatus::NotServing);
    server.user(false).await;
    assert!(!server.ended.is_finished());
    server.ended.abort();
}

#[tokio::test]
async fn a_call_that_runs_may_end() {
    let mut server = Server::start(Backend::Postgres).await;
    let mut health = HealthClient::new(server.channel.clone());
    let mut watch = health.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    // It holds the call for as long as we want.
    let locked = server.database.lock("users").await;
    let mut auth = server.auth.clone();
    let call = tokio::spawn(async move { auth.register(registration(false)).await });
    in_flight(server.http, 2).await;
    drop(server.stop.take());
    // Watch streams are ended when connections are.
    while soon("the stream's end", watch.message()).await.unwrap().is_some() {}
    assert!(!call.is_finished());
    drop(locked);
    assert!(soon("the call", call).await.unwrap().is_ok());
    server.stop().await.unwrap();
}

/// That the call is cut off is for the end of the process to see to: `process` has the test.
#[tokio::test]
async fn a_call_that_does_not_end_is_not_waited_for_when_the_time_is_up() {
    let server = Server::start_with(Backend::Sqlite, |config, _| {
        config.password.cost = 16;
        config.listen.shutdown_timeout = Duration::from_millis(50);
    })
    .await;
    let mut auth = server.auth.clone();
    let mut call = pin!(auth.register(registration(false)));
    assert!(poll!(&mut call).is_pending());
    in_flight(server.http, 1).await;
    server.stop().await.unwrap();
    assert!(poll!(&mut call).is_pending(), "a hash of seconds was waited for");
}
