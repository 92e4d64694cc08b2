//! A standby is promoted behind the same address.

use rstest::rstest;
use tonic_health::pb::health_check_response::ServingStatus;

use super::{Callers, RECOVERY, becomes, serve};
use crate::harness::{
    Beats,
    cluster::Cluster,
    eventually,
    forwarder::{Fate, Forwarder},
};

/// A primary, and a standby that has all that is acknowledged.
async fn pair() -> Cluster {
    let cluster = Cluster::new();
    cluster.run("primary a").await;
    cluster.run("standby a b").await;
    let synchronous = "ALTER SYSTEM SET synchronous_standby_names = '*'";
    cluster.sql("a", synchronous).await;
    cluster.sql("a", "SELECT pg_reload_conf()").await;
    cluster
}

/// As a primary that was demoted answers: every write is 25006, and everything else works.
const READ_ONLY: &str = "
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      IF current_setting('data_directory') LIKE '%/a/data' THEN
        RAISE EXCEPTION 'cannot execute INSERT in a read-only transaction' USING ERRCODE = '25006';
      END IF;
      RETURN NULL;
    END $$;
    CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON users FOR EACH STATEMENT EXECUTE FUNCTION refuse()";

#[rstest]
#[case::and_the_old_connections_are_cut(Fate::Cut)]
#[case::and_the_old_connections_say_nothing(Fate::Silent)]
#[case::and_the_old_primary_answers_and_takes_no_writes(Fate::Kept)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_succeed_soon_after_a_standby_is_promoted(#[case] fate: Fate) {
    let cluster = pair().await;
    let forwarder = Forwarder::to(&cluster.socket("a")).await;
    let server = serve(&forwarder.url(), |_, _| {}).await;
    let callers = Callers::start(&server, 8);
    callers.succeed(50).await;
    if fate == Fate::Kept {
        cluster.sql("a", READ_ONLY).await;
        // Nothing else of it waits for the standby that leaves.
        cluster.sql("a", "ALTER SYSTEM RESET synchronous_standby_names").await;
        cluster.sql("a", "SELECT pg_reload_conf()").await;
    } else {
        forwarder.switch(None, fate);
        cluster.run("stop a immediate").await;
    }
    cluster.run("promote b").await;
    let switched = Beats::start();
    forwarder.switch(Some(&cluster.socket("b")), fate);
    callers.succeed(1).await;
    let took = switched.elapsed();
    callers.succeed(50).await;
    let seen = callers.stop().await;
    assert!(took < RECOVERY, "{took:?}, {} calls failed, gap {:?}", seen.failed, seen.longest_gap);
    becomes(&server, ServingStatus::Serving).await;
    assert_eq!(seen.lost(&cluster, "b").await, 0, "acknowledged writes");
    // The listener has followed.
    eventually("the listener", async || {
        let listeners =
            "SELECT COUNT(*) FROM pg_stat_activity WHERE application_name = 'countersign listener'";
        cluster.number("b", listeners).await == 1
    })
    .await;
}

/// Readiness is about writing: nobody calls a service that can only read.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_a_standby_alone_it_is_not_ready_and_with_a_primary_it_is() {
    let cluster = pair().await;
    let forwarder = Forwarder::to(&cluster.socket("a")).await;
    let server = serve(&forwarder.url(), |_, _| {}).await;
    becomes(&server, ServingStatus::Serving).await;
    forwarder.switch(Some(&cluster.socket("b")), Fate::Cut);
    becomes(&server, ServingStatus::NotServing).await;
    cluster.run("promote b").await;
    becomes(&server, ServingStatus::Serving).await;
}

/// Of several hosts the one that can be written to is taken, whichever it is. One that is silent does not hold it up.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_several_hosts_the_one_that_takes_writes_is_used() {
    let cluster = pair().await;
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (a, b) =
        (Forwarder::to(&cluster.socket("a")).await, Forwarder::to(&cluster.socket("b")).await);
    let hosts = format!("{},{},{}", silent.local_addr().unwrap(), b.address, a.address);
    let server =
        serve(&format!("postgres://postgres@{hosts}/postgres?sslmode=disable"), |_, _| {}).await;
    let callers = Callers::start(&server, 4);
    callers.succeed(10).await;
    a.switch(None, Fate::Cut);
    cluster.run("stop a immediate").await;
    cluster.run("promote b").await;
    let promoted = Beats::start();
    callers.succeed(1).await;
    let took = promoted.elapsed();
    assert!(took < RECOVERY, "{took:?}");
    callers.succeed(10).await;
    becomes(&server, ServingStatus::Serving).await;
}
