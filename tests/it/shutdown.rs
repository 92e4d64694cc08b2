//! How the server ends.

use std::time::Duration;

use countersign::grpc::SERVICES;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use crate::harness::{
    Backend, Server, eventually,
    server::{PASSWORD, registration},
    soon,
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
    let server = Server::start_with(Backend::Sqlite, |config, _| config.password.cost = 10).await;
    let mut auth = server.auth.clone();
    let request = registration(false);
    let (sent, was_sent) = tokio::sync::oneshot::channel();
    let call = tokio::spawn(async move {
        let call = auth.register(request);
        tokio::pin!(call);
        // Polled once: it is on its way.
        assert!(futures_util::poll!(&mut call).is_pending());
        sent.send(()).unwrap();
        call.await
    });
    was_sent.await.unwrap();
    // Answered on the same connection, so the call before it has arrived.
    server.login("nobody", PASSWORD).await.unwrap_err();
    server.stop().await.unwrap();
    assert!(soon("the call", call).await.unwrap().is_ok());
}

#[tokio::test]
async fn a_call_that_does_not_end_is_cut_off_when_the_time_is_up() {
    let server = Server::start_with(Backend::Sqlite, |config, _| {
        config.password.cost = 16;
        config.listen.shutdown_timeout = Duration::from_millis(50);
    })
    .await;
    let mut auth = server.auth.clone();
    let call = tokio::spawn(async move { auth.register(registration(false)).await });
    let metrics = async || crate::http::get(server.http, "/metrics").await.1;
    eventually("the call", async || metrics().await.contains("grpc_server_in_flight 1")).await;
    server.stop().await.unwrap();
    assert!(soon("the call", call).await.unwrap().is_err());
}
