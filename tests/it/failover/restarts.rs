//! The server is killed, restarted, or closes its connections.

use std::sync::Arc;

use countersign::store::postgres;
use rstest::rstest;
use tokio::sync::Barrier;
use tonic_health::pb::health_check_response::ServingStatus;

use super::{Callers, RECOVERY, becomes, serve};
use crate::harness::{
    Beats,
    cluster::Cluster,
    eventually,
    forwarder::{Fate, Forwarder},
};

#[rstest]
#[case::killed("crash a")]
#[case::stopped("stop a fast")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_succeed_soon_after_the_server_is_there_again(#[case] ends: &str) {
    let cluster = Cluster::new();
    cluster.run("primary a").await;
    let server = serve(&cluster.url("a"), |_, _| {}).await;
    let callers = Callers::start(&server, 8);
    callers.succeed(50).await;
    cluster.run(ends).await;
    becomes(&server, ServingStatus::NotServing).await;
    cluster.run("restart a").await;
    let started = Beats::start();
    callers.succeed(1).await;
    let took = started.elapsed();
    callers.succeed(50).await;
    let seen = callers.stop().await;
    assert!(took < RECOVERY, "{took:?}, {} calls failed, gap {:?}", seen.failed, seen.longest_gap);
    becomes(&server, ServingStatus::Serving).await;
    assert_eq!(seen.lost(&cluster, "a").await, 0, "acknowledged writes");
}

/// Nobody notices that connections were closed which lay idle: each is asked for a sign of life before it is used.
#[tokio::test]
async fn connections_that_were_closed_while_idle_cost_no_call() {
    let cluster = Cluster::new();
    cluster.run("primary a").await;
    let server = serve(&cluster.url("a"), |_, environment| {
        environment.check_every = std::time::Duration::from_secs(3600);
        environment.deliver_every = std::time::Duration::from_secs(3600);
        environment.revocations.poll_every = std::time::Duration::from_secs(3600);
        environment.revocations.events_every = std::time::Duration::from_secs(3600);
    })
    .await;
    for _ in 0..5 {
        server.user(false).await;
        // Signing in again takes the server longer than a connection is trusted for.
        let idle_for = "SELECT COALESCE(MIN(EXTRACT(EPOCH FROM clock_timestamp() - state_change) * 1000), 0)::BIGINT \
                        FROM pg_stat_activity WHERE application_name = 'countersign'";
        crate::harness::eventually("idle connections", async || {
            cluster.number("a", idle_for).await > 150
        })
        .await;
        let end = "SELECT COUNT(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity WHERE application_name = 'countersign'";
        assert!(cluster.number("a", end).await > 0);
        server.user(false).await;
    }
}

/// While none can be opened one attempt goes on for all who wait. When it succeeds the others need one as well, and do not wait until the
/// first gives its own back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_who_came_while_no_connection_could_be_made_all_get_one() {
    const CALLERS: usize = 8;
    let cluster = Cluster::new();
    cluster.run("primary a").await;
    let forwarder = Forwarder::to(&cluster.socket("a")).await;
    let pool = postgres::pool(&forwarder.url(), u32::try_from(CALLERS).unwrap()).await.unwrap();
    // So that the one that is idle is of no use.
    forwarder.switch(None, Fate::Cut);
    let all_have_one = Arc::new(Barrier::new(CALLERS));
    let callers: Vec<_> = (0..CALLERS)
        .map(|_| {
            let (pool, all_have_one) = (pool.clone(), Arc::clone(&all_have_one));
            tokio::spawn(async move {
                let lease = pool.acquire().await;
                let has_one = lease.is_ok();
                all_have_one.wait().await;
                has_one
            })
        })
        .collect();
    // Each has had an attempt of its own, and the one that goes on another.
    eventually("refusals", async || forwarder.refused() > CALLERS).await;
    forwarder.switch(Some(&cluster.socket("a")), Fate::Kept);
    for caller in callers {
        assert!(caller.await.unwrap());
    }
}
