//! Events that are posted to their subscriptions.

use std::{collections::BTreeSet, time::Duration};

use countersign::domain::{EventKind, PrivateNetworks};
use rstest::rstest;
use rstest_reuse::apply;
use tokio::net::TcpListener;

use super::receivers::{Posting, ids, is_genuine, open_loopback, subscription};
use crate::{
    harness::{
        Backend, eventually,
        hook::{Call, HookServer},
        logs, on_both, soon,
    },
    http,
};

const ENABLED: &str = "user_enabled";

fn time(call: &Call) -> i64 {
    call.header("webhook-timestamp").parse().unwrap()
}

#[apply(on_both)]
#[tokio::test]
async fn an_event_is_posted_as_signed_json(backend: Backend) {
    let posting = Posting::start(backend).await;
    let hook = HookServer::start(&[], None).await;
    let (id, secret) = posting.subscribe(&hook, &[]).await;
    let event = posting.event(EventKind::UserEnabled).await;
    let mut calls = hook.wait_for(2).await;
    // Several are posted at a time: they can overtake each other.
    calls.sort_by_key(|call| call.json()["data"]["number"].as_i64());
    let (created, call) = (calls[0].json(), &calls[1]);
    assert_eq!(
        (&created["type"], &created["data"]["subscription_id"]),
        (&"subscription_created".into(), &id.into())
    );
    assert_eq!((call.path.as_str(), call.header("content-type")), ("/events", "application/json"));
    assert_eq!(call.header("host"), format!("127.0.0.1:{}", hook.port));
    let body = call.json();
    assert_eq!((&body["type"], &body["data"]["kind"]), (&ENABLED.into(), &ENABLED.into()));
    assert_eq!((&body["data"]["id"], call.header("webhook-id")), (&event.clone().into(), &*event));
    assert_eq!(
        (&body["data"]["actor"], &body["timestamp"]),
        (&"operator".into(), &body["data"]["time"])
    );
    assert_eq!(
        body["data"]["number"].as_i64(),
        created["data"]["number"].as_i64().map(|number| number + 1)
    );
    assert!(body["data"].get("user_id").is_none());
    let now = posting.server.clock.now().unix_seconds();
    assert!(is_genuine(call, &call.body, &secret, now));
    let changed = String::from_utf8(call.body.to_vec()).unwrap().replace("operator", "nobody");
    assert!(!is_genuine(call, changed.as_bytes(), &secret, now), "a changed body");
    assert!(!is_genuine(call, &call.body, &secret, now + 301), "a replay");
    posting.posted().await;
    assert_eq!(hook.calls().len(), 2);
}

/// Only what is wanted, from now on, for each as it asks.
#[apply(on_both)]
#[tokio::test]
async fn each_subscription_gets_its_kinds_from_its_creation_on(backend: Backend) {
    let posting = Posting::start(backend).await;
    posting.event(EventKind::UserEnabled).await;
    let hooks = [HookServer::start(&[], None).await, HookServer::start(&[], None).await];
    posting.subscribe(&hooks[0], &[ENABLED]).await;
    let first = posting.event(EventKind::UserEnabled).await;
    posting.subscribe(&hooks[1], &["user_disabled", ENABLED]).await;
    let second = posting.event(EventKind::UserDisabled).await;
    posting.event(EventKind::LoginFailed).await;
    let third = posting.event(EventKind::UserEnabled).await;
    posting.posted().await;
    let got = |hook: &HookServer| ids(&hook.calls()).into_iter().collect::<BTreeSet<_>>();
    assert_eq!(got(&hooks[0]), BTreeSet::from([first, third.clone()]));
    assert_eq!(got(&hooks[1]), BTreeSet::from([second, third]));
    assert_eq!((hooks[0].calls().len(), hooks[1].calls().len()), (2, 2));
}

/// 0 breaks the connection.
#[apply(on_both)]
#[tokio::test]
async fn what_fails_is_posted_again_with_the_same_id_and_a_new_time(
    backend: Backend,
    #[values(500, 400, 404, 302, 0)] answer: u16,
) {
    let posting = Posting::start(backend).await;
    let hook = HookServer::start(&[answer], None).await;
    let (_, secret) = posting.subscribe(&hook, &[ENABLED]).await;
    let event = posting.event(EventKind::UserEnabled).await;
    hook.wait_for(1).await;
    let failing = "SELECT COUNT(*) FROM subscriptions WHERE failing_since IS NOT NULL";
    let database = &posting.server.database;
    // Later, the lease would be over before the failure is recorded.
    eventually("the failure", async || database.number(failing).await == 1).await;
    posting.server.clock.advance(Duration::from_secs(200));
    posting.posted().await;
    let calls = hook.calls();
    assert_eq!(ids(&calls), [event.clone(), event]);
    let [first, second] = &calls[..] else { panic!("{calls:?}") };
    assert_eq!(first.body, second.body);
    assert!(calls.iter().all(|call| call.path == "/events"), "a redirect is not followed");
    assert!(time(second) >= time(first) + 200);
    assert!(is_genuine(second, &second.body, &secret, posting.server.clock.now().unix_seconds()));
    assert_eq!(database.number(failing).await, 0);
    let figures = http::get(posting.server.http, "/metrics").await.1;
    for outcome in ["delivered", "failed"] {
        let line = format!("countersign_event_deliveries_total{{outcome=\"{outcome}\"}} 1");
        assert!(figures.contains(&line), "{figures}");
    }
}

/// The pause is for all events of the subscription, and for no other one.
#[apply(on_both)]
#[tokio::test]
async fn a_receiver_that_asks_for_a_pause_is_left_alone(
    backend: Backend,
    #[values(429, 503)] status: u16,
) {
    let posting = Posting::start(backend).await;
    let (hook, other) =
        (HookServer::start(&[status], None).await, HookServer::start(&[], None).await);
    hook.ask_for_pause("1800");
    posting.subscribe(&hook, &[ENABLED]).await;
    posting.subscribe(&other, &[ENABLED]).await;
    let first = posting.event(EventKind::UserEnabled).await;
    hook.wait_for(1).await;
    let paused = "SELECT COUNT(*) FROM subscriptions WHERE paused_until IS NOT NULL";
    eventually("the pause", async || posting.server.database.number(paused).await == 1).await;
    posting.server.clock.advance(Duration::from_secs(1000));
    let second = posting.event(EventKind::UserEnabled).await;
    other.wait_for(2).await;
    assert_eq!(hook.calls().len(), 1);
    posting.server.clock.advance(Duration::from_secs(900));
    posting.posted().await;
    let all: BTreeSet<_> = ids(&hook.calls()).into_iter().collect();
    assert_eq!((all, hook.calls().len()), (BTreeSet::from([first, second]), 3));
}

#[apply(on_both)]
#[tokio::test]
async fn after_a_day_without_a_success_a_subscription_is_disabled_and_that_is_an_event(
    backend: Backend,
) {
    let posting = Posting::start(backend).await;
    let (hook, other) =
        (HookServer::start(&[500; 1000], None).await, HookServer::start(&[], None).await);
    let (id, _) = posting.subscribe(&hook, &[ENABLED]).await;
    posting.subscribe(&other, &["subscription_disabled"]).await;
    posting.event(EventKind::UserEnabled).await;
    hook.wait_for(1).await;
    let failing = "SELECT COUNT(*) FROM subscriptions WHERE failing_since IS NOT NULL";
    eventually("a failure", async || posting.server.database.number(failing).await == 1).await;
    posting.server.clock.advance(Duration::from_secs(24 * 3600 - 300));
    hook.wait_for(2).await;
    assert!(posting.subscriptions().await.iter().all(|one| one.disable_time.is_none()));
    posting.server.clock.advance(Duration::from_secs(400));
    let calls = other.wait_for(1).await;
    assert_eq!(calls[0].json()["data"]["subscription_id"], id);
    assert_eq!(calls[0].json()["data"]["actor"], "nobody");
    posting.event(EventKind::UserEnabled).await;
    posting.posted().await;
    let listed = posting.subscriptions().await;
    let disabled: Vec<_> = listed.iter().filter(|one| one.disable_time.is_some()).collect();
    assert_eq!((disabled.len(), &disabled[0].id, other.calls().len()), (1, &id, 1));
    let calls = hook.calls().len();
    posting.server.clock.advance(Duration::from_secs(3600));
    posting.event(EventKind::UserEnabled).await;
    posting.posted().await;
    assert_eq!(hook.calls().len(), calls, "nothing more is sent");
    let is_told = async || logs::events_with(&id).iter().any(|line| line["level"] == "ERROR");
    eventually("a line in the log", is_told).await;
}

/// As Standard Webhooks says of 410.
#[apply(on_both)]
#[tokio::test]
async fn a_receiver_that_is_gone_disables_its_subscription_at_once(backend: Backend) {
    let posting = Posting::start(backend).await;
    let hook = HookServer::start(&[410], None).await;
    posting.subscribe(&hook, &[ENABLED]).await;
    posting.event(EventKind::UserEnabled).await;
    let disabled = "SELECT COUNT(*) FROM subscriptions WHERE disabled_at IS NOT NULL";
    eventually("the end", async || posting.server.database.number(disabled).await == 1).await;
    assert_eq!(hook.calls().len(), 1);
}

#[apply(on_both)]
#[tokio::test]
async fn one_that_is_deleted_gets_nothing_more(backend: Backend) {
    let posting = Posting::start(backend).await;
    let hook = HookServer::start(&[500; 100], None).await;
    let (id, _) = posting.subscribe(&hook, &[ENABLED]).await;
    posting.event(EventKind::UserEnabled).await;
    hook.wait_for(1).await;
    let failing = "SELECT COUNT(*) FROM subscriptions WHERE failing_since IS NOT NULL";
    eventually("a failure", async || posting.server.database.number(failing).await == 1).await;
    posting.delete(&id).await.unwrap();
    assert_eq!(posting.server.database.number("SELECT COUNT(*) FROM outbox").await, 0);
    let calls = hook.calls().len();
    posting.server.clock.advance(Duration::from_secs(200));
    posting.event(EventKind::UserEnabled).await;
    posting.posted().await;
    assert_eq!(hook.calls().len(), calls);
}

/// Two replicas, and each event is enqueued and posted once.
#[apply(on_both)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_replicas_one_posts_an_event(backend: Backend) {
    const EVENTS: usize = 30;
    let posting = Posting::start(backend).await;
    let _other = posting.server.replica(open_loopback).await;
    let hook = HookServer::start(&[], None).await;
    posting.subscribe(&hook, &[ENABLED]).await;
    let mut events = BTreeSet::new();
    for _ in 0..EVENTS {
        events.insert(posting.event(EventKind::UserEnabled).await);
    }
    posting.posted().await;
    let calls = ids(&hook.calls());
    assert_eq!((calls.len(), calls.into_iter().collect::<BTreeSet<_>>()), (EVENTS, events));
}

/// A receiver that takes connections and never answers holds up neither another one nor a login's code.
#[apply(on_both)]
#[tokio::test]
async fn a_receiver_that_hangs_holds_up_nobody_else(backend: Backend) {
    let posting = Posting::start(backend).await;
    let hangs = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", hangs.local_addr().unwrap());
    let hook = HookServer::start(&[], None).await;
    posting.create(subscription(&url, &[ENABLED])).await.unwrap();
    posting.subscribe(&hook, &[ENABLED]).await;
    for _ in 0..20 {
        posting.event(EventKind::UserEnabled).await;
    }
    let mut held = Vec::new();
    for _ in 0..4 {
        held.push(soon("a connection", hangs.accept()).await.unwrap());
    }
    hook.wait_for(20).await;
    let user = posting.server.user(true).await;
    posting.server.login_only(&user.username, crate::harness::server::PASSWORD).await.unwrap();
    eventually("the code", async || !logs::codes(&user.username).is_empty()).await;
    let more = tokio::time::timeout(Duration::from_millis(300), hangs.accept()).await;
    assert!(more.is_err(), "a subscription has four places");
}

/// While it fails, events wait in the audit log: the outbox stays short, and nothing is lost.
#[apply(on_both)]
#[tokio::test]
async fn the_outbox_stays_short_while_a_receiver_is_away(backend: Backend) {
    const EVENTS: i64 = 700;
    let posting = Posting::start(backend).await;
    let hook = HookServer::start(&[503], None).await;
    hook.ask_for_pause("1800");
    posting.subscribe(&hook, &[ENABLED]).await;
    let (numbers, id, at) = match backend {
        Backend::Sqlite => (
            "WITH RECURSIVE numbers (n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM numbers WHERE n < 700)",
            "randomblob(16)",
            "1893456000000000",
        ),
        Backend::Postgres => {
            ("WITH numbers (n) AS (SELECT generate_series(1, 700))", "gen_random_uuid()", "now()")
        }
    };
    posting.event(EventKind::UserEnabled).await;
    let paused = "SELECT COUNT(*) FROM subscriptions WHERE paused_until IS NOT NULL";
    eventually("the pause", async || posting.server.database.number(paused).await == 1).await;
    let fill = format!(
        "INSERT INTO events (id, kind, at) {numbers} SELECT {id}, '{ENABLED}', {at} FROM numbers"
    );
    posting.server.database.run(&fill).await;
    // What comes behind them is told to another one: by then, all of them had their turn.
    let other = HookServer::start(&[], None).await;
    posting.subscribe(&other, &["user_disabled"]).await;
    posting.event(EventKind::UserDisabled).await;
    other.wait_for(1).await;
    let enqueued = "SELECT COUNT(*) FROM outbox WHERE tries = 0";
    assert!(posting.server.database.number(enqueued).await >= 100);
    let behind = "SELECT COUNT(*) FROM events WHERE seq > (SELECT MIN(seq) FROM subscriptions)";
    assert!(posting.server.database.number(enqueued).await <= 300);
    assert!(posting.server.database.number(behind).await >= 400);
    posting.server.clock.advance(Duration::from_secs(2000));
    posting.posted().await;
    let distinct: BTreeSet<_> = ids(&hook.calls()).into_iter().collect();
    assert_eq!(i64::try_from(distinct.len()).unwrap(), EVENTS + 1);
}

/// The name leads to this machine, which is not opened: what counts is the address that would be called.
#[apply(on_both)]
#[tokio::test]
async fn no_private_address_is_called_unless_it_is_opened(
    backend: Backend,
    #[values("", "10.0.0.0/8")] opened: &'static str,
) {
    let posting = Posting::with(backend, |config, _| {
        if !opened.is_empty() {
            config.assertions.networks = PrivateNetworks::parse(opened).unwrap();
        }
    })
    .await;
    let hook = HookServer::start(&[], None).await;
    let scheme = if opened.is_empty() { "https" } else { "http" };
    let url = format!("{scheme}://localhost:{}/canary-of-a-path", hook.port);
    let created = posting.create(subscription(&url, &[ENABLED])).await.unwrap();
    posting.event(EventKind::UserEnabled).await;
    let failing = "SELECT COUNT(*) FROM subscriptions WHERE failing_since IS NOT NULL";
    eventually("a failure", async || posting.server.database.number(failing).await == 1).await;
    assert_eq!(hook.calls().len(), 0);
    let id = created.subscription.unwrap().id;
    let is_told = async || {
        let told = serde_json::to_string(&logs::events_with(&id)).unwrap();
        told.contains("COUNTERSIGN_FETCH_PRIVATE") && told.contains("no address of the internet")
    };
    eventually("a line in the log", is_told).await;
}

/// Neither secrets nor what a URL may hold are in the log.
#[tokio::test]
async fn neither_secret_nor_path_is_logged() {
    let posting = Posting::start(Backend::Sqlite).await;
    let hook = HookServer::start(&[500, 302, 0], None).await;
    let url = format!("http://127.0.0.1:{}/canary-path-7f3a?key=canary-query-7f3a", hook.port);
    let created = posting.create(subscription(&url, &[ENABLED])).await.unwrap();
    posting.event(EventKind::UserEnabled).await;
    for calls in 1..=4 {
        hook.wait_for(calls).await;
        posting.server.clock.advance(Duration::from_secs(200));
    }
    posting.posted().await;
    for secret in ["canary-path-7f3a", "canary-query-7f3a", &created.secret[6..]] {
        assert!(logs::events_with(secret).is_empty(), "{secret}");
    }
}
