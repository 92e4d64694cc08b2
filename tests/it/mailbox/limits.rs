//! How often one may ask for codes, and try them.

use std::time::{Duration, Instant};

use countersign::pb::{RequestPasswordResetRequest, User};
use futures_util::future::join_all;
use rstest::rstest;

use super::{
    COOL_DOWN, NEW_PASSWORD, open_reset, open_verification, request_reset, request_reset_from,
    reset, send_verification, verify_email,
};
use crate::harness::{
    Backend, Server, logs, reason_of,
    server::{PASSWORD, wrong},
    soon, unique, wait,
};

const HOUR: Duration = Duration::from_secs(3600);

#[rstest]
#[tokio::test]
async fn another_code_comes_after_the_cool_down_which_each_purpose_has_for_itself(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    server.clock.stop();
    let user = server.user(false).await;
    let tokens = server.session(&user).await;
    request_reset(&server, &user.email).await.unwrap();
    server.clock.advance(Duration::from_secs(10));
    send_verification(&server, &tokens).await.unwrap();
    // Whatever the spelling.
    let again = request_reset(&server, &user.email.to_uppercase()).await;
    assert_eq!(wait(again), Duration::from_secs(20));
    assert_eq!(wait(send_verification(&server, &tokens).await), COOL_DOWN);
    server.clock.advance(Duration::from_secs(20));
    request_reset(&server, &user.email).await.unwrap();
    assert_eq!(logs::codes(&user.username).len(), 3);
}

#[rstest]
#[tokio::test]
async fn of_64_who_ask_at_once_one_is_sent_a_code(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    server.clock.stop();
    let user = server.user(false).await;
    let answers = join_all((0..64).map(|_| request_reset(&server, &user.email))).await;
    let (sent, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
    assert_eq!(sent.len(), 1);
    assert!(refused.into_iter().all(|answer| wait(answer) == COOL_DOWN));
    assert_eq!(logs::codes(&user.username).len(), 1);
}

#[rstest]
#[tokio::test]
async fn thirty_codes_an_hour_are_sent_to_a_mailbox_by_whoever_asks_and_others_to_those_who_log_in(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start_with(backend, |config, _| {
        config.policy.code.resend_after = Duration::ZERO;
    })
    .await;
    server.clock.stop();
    let user = server.user(true).await;
    for _ in 0..30 {
        request_reset(&server, &user.email).await.unwrap();
    }
    assert_eq!(wait(request_reset(&server, &user.email).await), HOUR);
    // Not even by another spelling of the same mailbox.
    let tagged = user.email.replace('@', "+tag@");
    assert_eq!(wait(request_reset(&server, &tagged).await), HOUR);
    let challenge = server.challenge(&user).await;
    server.verify(&challenge, &logs::code(&user.username)).await.unwrap();
    server.clock.advance(HOUR);
    request_reset(&server, &user.email).await.unwrap();
}

/// How long it takes to find a user and to write to them, or to find none, must not be seen.
#[rstest]
#[tokio::test]
async fn an_answer_takes_its_time_whoever_it_is_for(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    server.clock.stop();
    let reset = async |email: &str| {
        let (email, device_token) = (email.to_owned(), String::new());
        let request = RequestPasswordResetRequest { email, device_token };
        server.auth.clone().request_password_reset(request).await.map(|_| ())
    };
    for email in [server.user(false).await.email, format!("{}@example.com", unique("nobody"))] {
        slow(reset(&email)).await.unwrap();
        assert_eq!(wait(slow(reset(&email)).await), COOL_DOWN);
    }
}

/// The answer to a call, which must not come early.
async fn slow<T>(call: impl Future<Output = T>) -> T {
    let asked = Instant::now();
    let answer = soon("an answer", call).await;
    assert!(asked.elapsed() >= Duration::from_millis(20));
    answer
}

/// Strangers try codes until the address has none left for an hour.
async fn burn(server: &Server, user: &User) {
    for _ in 0..4 {
        let (id, code) = open_reset(server, user).await;
        for _ in 0..5 {
            let refused = reset(server, &id, &wrong(&code), NEW_PASSWORD).await;
            assert_eq!(reason_of(refused), "CHALLENGE_INVALID");
        }
        server.clock.advance(COOL_DOWN);
    }
}

#[rstest]
#[tokio::test]
async fn twenty_failed_codes_an_hour_leave_logins_and_verifications_and_known_devices_alone(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    server.clock.stop();
    let user = server.user(false).await;
    let device = server.session(&user).await.device_token;
    burn(&server, &user).await;
    let (id, code) = open_reset(&server, &user).await;
    assert_eq!(wait(reset(&server, &id, &code, NEW_PASSWORD).await), HOUR - COOL_DOWN);

    assert!(server.login(&user.username, PASSWORD).await.is_ok());
    let (verification, verification_code) = open_verification(&server, &user).await;
    verify_email(&server, &verification, &verification_code).await.unwrap();
    // The strangers' cool-down is none of the device's either.
    let from_device = request_reset_from(&server, &user.email, &device).await.unwrap();
    let code = logs::code(&user.username);
    reset(&server, &from_device.reset_id, &code, NEW_PASSWORD).await.unwrap();
    assert!(server.login(&user.username, NEW_PASSWORD).await.is_ok());
}

#[rstest]
#[tokio::test]
async fn a_device_has_a_cool_down_and_codes_of_its_own_and_what_is_no_device_has_none(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    server.clock.stop();
    let (user, attacker) = (server.user(false).await, server.user(false).await);
    let device = server.session(&user).await.device_token;
    let others = server.session(&attacker).await.device_token;
    request_reset(&server, &user.email).await.unwrap();
    for token in ["", "x", &others] {
        assert_eq!(wait(request_reset_from(&server, &user.email, token).await), COOL_DOWN);
    }
    let pending = request_reset_from(&server, &user.email, &device).await.unwrap();
    assert_eq!(wait(request_reset_from(&server, &user.email, &device).await), COOL_DOWN);
    let code = wrong(&logs::code(&user.username));
    for _ in 0..5 {
        let refused = reset(&server, &pending.reset_id, &code, NEW_PASSWORD).await;
        assert_eq!(reason_of(refused), "CHALLENGE_INVALID");
    }
    server.clock.advance(COOL_DOWN);
    burn(&server, &user).await;
}

#[rstest]
#[tokio::test]
async fn right_codes_are_not_counted(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let user = server.user(false).await;
    for round in 0..21 {
        server.clock.advance(COOL_DOWN);
        let (id, code) = open_reset(&server, &user).await;
        reset(&server, &id, &code, &format!("a passphrase for round {round}")).await.unwrap();
    }
}

#[tokio::test]
async fn an_address_of_the_network_that_calls_too_often_is_refused() {
    let server = Server::start_with(Backend::Sqlite, |config, _| {
        config.policy.address_rate = 1;
        config.listen.trusted_proxies =
            countersign::domain::TrustedProxies::parse("127.0.0.1").unwrap();
    })
    .await;
    server.clock.stop();
    let ask = async |number: u32| {
        let mut request = tonic::Request::new(RequestPasswordResetRequest {
            email: format!("nobody-{number}@example.com"),
            device_token: String::new(),
        });
        request.metadata_mut().insert("x-forwarded-for", "192.0.2.1".parse().unwrap());
        server.auth.clone().request_password_reset(request).await
    };
    for number in 0..5 {
        ask(number).await.unwrap();
    }
    assert_eq!(wait(ask(5).await), Duration::from_secs(1));
}
