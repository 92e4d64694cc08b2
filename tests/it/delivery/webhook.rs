//! Webhooks.

use std::time::Duration;

use aws_lc_rs::hmac;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use countersign::delivery::Trust;
use rstest::rstest;

use super::{SECRET, delete_account, server_with, webhook_to};
use crate::{
    harness::{
        Backend, Server,
        certificate::Certificate,
        eventually,
        hook::{Call, HookServer},
        server::PASSWORD,
    },
    http,
};

/// What a receiver does: the signature over id, time and body, and the time itself (standardwebhooks.com).
fn is_genuine(call: &Call, body: &[u8], now: i64) -> bool {
    let secret = BASE64_STANDARD.decode(SECRET.trim_start_matches("whsec_")).unwrap();
    let (id, timestamp) = (call.header("webhook-id"), call.header("webhook-timestamp"));
    let signed = [id.as_bytes(), b".", timestamp.as_bytes(), b".", body].concat();
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &secret), &signed);
    let right = format!("v1,{}", BASE64_STANDARD.encode(tag));
    let age = now - timestamp.parse::<i64>().unwrap();
    call.header("webhook-signature") == right && age.abs() <= 300
}

pub async fn with_hook(backend: Backend, answers: &[u16]) -> (HookServer, Server) {
    let hook = HookServer::start(answers, None).await;
    let url = format!("http://127.0.0.1:{}/codes?from=countersign", hook.port);
    let server = server_with(backend, webhook_to(&url, &Trust::default())).await;
    (hook, server)
}

async fn log_in(server: &Server) {
    let user = server.user(true).await;
    server.login_only(&user.username, PASSWORD).await.unwrap();
}

#[rstest]
#[tokio::test]
async fn a_call_says_what_to_send_and_is_signed(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let (hook, server) = with_hook(backend, &[]).await;
    let user = server.user(true).await;
    let challenge = server.challenge(&user).await;
    let calls = hook.calls();
    let (call, body) = (&calls[0], calls[0].json());
    assert_eq!((calls.len(), call.path.as_str()), (1, "/codes"));
    assert_eq!(call.header("content-type"), "application/json");
    assert_eq!(body["id"], call.header("webhook-id"));
    assert_eq!((&body["type"], &body["purpose"]), (&"one_time_code".into(), &"login".into()));
    assert_eq!(body["username"], user.username);
    assert_eq!(body["destination"], user.email);
    let expires = humantime::parse_rfc3339(body["expire_time"].as_str().unwrap()).unwrap();
    let expires = expires.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    assert_eq!(i64::try_from(expires).unwrap(), challenge.expire_time.unwrap().seconds);

    let now = server.clock.now().unix_seconds();
    assert!(is_genuine(call, &call.body, now));
    let changed =
        String::from_utf8(call.body.to_vec()).unwrap().replace(&user.email, "m@example.com");
    assert!(!is_genuine(call, changed.as_bytes(), now), "a changed body");
    assert!(!is_genuine(call, &call.body, now + 301), "a replay");
    assert!(server.verify(&challenge, body["code"].as_str().unwrap()).await.is_ok());
}

#[rstest]
#[tokio::test]
async fn what_fails_is_called_again_with_the_same_id_and_a_new_time(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let (hook, server) = with_hook(backend, &[500]).await;
    log_in(&server).await;
    hook.wait_for(1).await;
    // Past the pause, whenever it began.
    server.clock.advance(Duration::from_secs(200));
    server.delivered().await;
    let calls = hook.calls();
    assert_eq!(calls.len(), 2);
    let [first, second] = [&calls[0], &calls[1]];
    assert_eq!(first.header("webhook-id"), second.header("webhook-id"));
    assert_eq!(first.body, second.body);
    let time = |call: &Call| call.header("webhook-timestamp").parse::<i64>().unwrap();
    assert!(time(second) >= time(first) + 200, "{} {}", time(first), time(second));
    assert!(is_genuine(second, &second.body, server.clock.now().unix_seconds()));
}

#[tokio::test]
async fn a_message_that_is_not_wanted_is_given_up() {
    let (hook, server) = with_hook(Backend::Sqlite, &[422]).await;
    log_in(&server).await;
    server.delivered().await;
    assert_eq!(hook.calls().len(), 1);
    let figures = http::get(server.http, "/metrics").await.1;
    assert!(figures.contains("countersign_outbox_failed_total{kind=\"login\"} 1"), "{figures}");
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let (hook, server) = with_hook(Backend::Sqlite, &[307]).await;
    log_in(&server).await;
    hook.wait_for(1).await;
    server.clock.advance(Duration::from_secs(200));
    server.delivered().await;
    assert!(hook.calls().iter().all(|call| call.path == "/codes"), "{:?}", hook.calls());
}

#[rstest]
#[case::known("localhost", true, true)]
#[case::wrong_name("hooks.example.com", true, false)]
#[case::nobody_knows_it("localhost", false, false)]
#[tokio::test]
async fn only_a_service_that_proves_its_name_is_called(
    #[case] name: &str,
    #[case] trusted: bool,
    #[case] called: bool,
) {
    let certificate = Certificate::of(name);
    let hook = HookServer::start(&[], Some(certificate.acceptor.clone())).await;
    let trust = if trusted { certificate.trust() } else { Trust::default() };
    let url = format!("https://localhost:{}/codes", hook.port);
    let server = server_with(Backend::Sqlite, webhook_to(&url, &trust)).await;
    log_in(&server).await;
    if called {
        server.delivered().await;
        assert_eq!(hook.calls().len(), 1);
        return;
    }
    let tried =
        async || server.database.number("SELECT COUNT(*) FROM outbox WHERE tries > 1").await == 1;
    eventually("a second try", tried).await;
    assert_eq!(hook.calls().len(), 0);
}

/// The pause is for all messages, and goes by the monotonic clock: no time of day makes it shorter.
#[rstest]
#[tokio::test]
async fn a_service_that_asks_for_a_pause_is_left_alone(
    #[values(429, 503)] status: u16,
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let (hook, server) = with_hook(backend, &[status]).await;
    hook.ask_for_pause("1800");
    log_in(&server).await;
    hook.wait_for(1).await;
    let waits = "SELECT COUNT(*) FROM outbox WHERE NOT in_flight AND tries = 1";
    eventually("its pause", async || server.database.number(waits).await == 1).await;
    // Not due before that time is over.
    server.clock.advance(Duration::from_secs(200));
    log_in(&server).await;
    let second = "SELECT COUNT(*) FROM outbox WHERE NOT in_flight AND tries = 1";
    eventually("the second one's", async || server.database.number(second).await == 2).await;
    assert_eq!(hook.calls().len(), 1);
    let figures = http::get(server.http, "/metrics").await.1;
    assert!(figures.contains("countersign_outbox_trouble{cause=\"away\"} 1"), "{figures}");
}

/// Others may ask for a pause as they like: only these two mean it.
#[tokio::test]
async fn other_answers_are_no_reason_for_a_pause() {
    let (hook, server) = with_hook(Backend::Sqlite, &[500, 204]).await;
    hook.ask_for_pause("1800");
    log_in(&server).await;
    hook.wait_for(1).await;
    server.clock.advance(Duration::from_secs(60));
    server.delivered().await;
    assert_eq!(hook.calls().len(), 2);
}

/// The service may have passed the message on: each call more may be one copy more.
#[rstest]
#[tokio::test]
async fn a_call_whose_answer_is_lost_is_made_three_times_at_the_most(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let (hook, server) = with_hook(backend, &[0, 0, 0]).await;
    delete_account(&server).await;
    for (calls, pause) in [(1, 2), (2, 15)] {
        hook.wait_for(calls).await;
        let rests = format!("SELECT COUNT(*) FROM outbox WHERE NOT in_flight AND unsure = {calls}");
        eventually("its pause", async || server.database.number(&rests).await == 1).await;
        server.clock.advance(Duration::from_secs(pause * 60));
    }
    server.delivered().await;
    let ids: Vec<_> =
        hook.calls().iter().map(|call| call.header("webhook-id").to_owned()).collect();
    assert!(ids.len() == 3 && ids.iter().all(|id| *id == ids[0]), "{ids:?}");
}
