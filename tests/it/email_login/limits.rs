//! How often one may ask for codes, and try them.

use std::time::Duration;

use countersign::pb::{BeginEmailLoginRequest, User};
use futures_util::future::join_all;
use rstest::rstest;

use super::{begin, begin_with, finish, open, request, server, tokens, verified};
use crate::{
    harness::{
        Backend, Server, logs, reason_of,
        server::{PASSWORD, wrong},
        wait,
    },
    mailbox::{COOL_DOWN, NEW_PASSWORD, open_reset, request_reset, reset},
};

const HOUR: Duration = Duration::from_secs(3600);

#[rstest]
#[tokio::test]
async fn another_code_comes_after_the_cool_down_which_resets_do_not_share(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = server(backend).await;
    let user = verified(&server, false).await;
    begin(&server, &user.email).await.unwrap();
    server.clock.advance(Duration::from_secs(10));
    request_reset(&server, &user.email).await.unwrap();
    let again = begin(&server, &user.email.to_uppercase()).await;
    assert_eq!(wait(again), Duration::from_secs(20));
    server.clock.advance(Duration::from_secs(20));
    let answers = join_all((0..64).map(|_| begin(&server, &user.email))).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
    assert_eq!(logs::codes(&user.username).len(), 3);
}

/// Strangers try codes until the address has none left for an hour.
async fn burn(server: &Server, user: &User) {
    for _ in 0..4 {
        let (id, code) = open(server, user).await;
        for _ in 0..5 {
            assert_eq!(reason_of(finish(server, &id, &wrong(&code)).await), "CHALLENGE_INVALID");
        }
        server.clock.advance(COOL_DOWN);
    }
}

#[rstest]
#[tokio::test]
async fn twenty_failed_codes_an_hour_leave_passwords_and_resets_and_known_devices_alone(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = server(backend).await;
    let user = verified(&server, false).await;
    let device_token = server.session(&user).await.device_token;
    burn(&server, &user).await;
    let (id, code) = open(&server, &user).await;
    assert_eq!(wait(finish(&server, &id, &code).await), HOUR - COOL_DOWN);
    assert!(server.login(&user.username, PASSWORD).await.is_ok());
    // The strangers' cool-down is none of the device's either.
    let ask = BeginEmailLoginRequest { device_token, ..request(&user.email) };
    let begun = begin_with(&server, ask).await.unwrap();
    let code = logs::code(&user.username);
    tokens(finish(&server, &begun.login_id, &code).await.unwrap());
    let (id, code) = open_reset(&server, &user).await;
    reset(&server, &id, &code, NEW_PASSWORD).await.unwrap();
}

#[rstest]
#[tokio::test]
async fn right_codes_are_not_counted(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = server(backend).await;
    let user = verified(&server, false).await;
    for _ in 0..21 {
        let (id, code) = open(&server, &user).await;
        tokens(finish(&server, &id, &code).await.unwrap());
        server.clock.advance(COOL_DOWN);
    }
}
