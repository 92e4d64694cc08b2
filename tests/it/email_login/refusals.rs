//! What is refused.

use std::time::Duration;

use countersign::pb::{BeginEmailLoginRequest, FinishEmailLoginRequest};
use rstest::rstest;
use tonic::Code;

use super::{begin, begin_with, finish, open, request, server, verified};
use crate::{
    harness::{Backend, Server, logs, reason, reason_of, server::wrong, violations},
    mailbox::{COOL_DOWN, open_reset},
};

/// Off by default, and said before anything else is looked at: not even sizes.
#[rstest]
#[tokio::test]
async fn where_it_is_off_both_are_refused_before_anything_is_looked_at(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start_with(backend, |config, _| config.policy.address_rate = 1).await;
    server.clock.stop();
    let user = verified(&server, false).await;
    let long = "x".repeat(2000);
    for email in [&user.email, "", &long].repeat(5) {
        let ask = BeginEmailLoginRequest { email: email.to_owned(), ..Default::default() };
        let refused = server.auth.clone().begin_email_login(ask).await.unwrap_err();
        assert_eq!(
            (refused.code(), reason(&refused)),
            (Code::FailedPrecondition, "EMAIL_LOGIN_OFF".into())
        );
        let answer = FinishEmailLoginRequest { login_id: email.to_owned(), code: long.clone() };
        let refused = server.auth.clone().finish_email_login(answer).await.unwrap_err();
        assert_eq!(
            (refused.code(), reason(&refused)),
            (Code::FailedPrecondition, "EMAIL_LOGIN_OFF".into())
        );
    }
    assert_eq!(server.database.number("SELECT COUNT(*) FROM mailbox_codes").await, 0);
}

#[rstest]
#[tokio::test]
async fn every_bad_field_is_named_at_once_and_none_costs_an_attempt(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = server(backend).await;
    let user = verified(&server, false).await;
    let bad = BeginEmailLoginRequest {
        email: "nobody".into(),
        audience: "nowhere".into(),
        device_name: "a\nb".into(),
        request_id: "x".into(),
        ..Default::default()
    };
    let mut named = violations(&begin_with(&server, bad).await.unwrap_err());
    named.sort();
    assert_eq!(named, ["audience", "device_name", "email", "request_id"]);
    let (id, code) = open(&server, &user).await;
    for _ in 0..3 {
        for no_code in ["", "12345", "no code at all"] {
            let refused = finish(&server, &id, no_code).await.unwrap_err();
            assert_eq!(violations(&refused), ["code"], "{no_code:?}");
        }
    }
    finish(&server, &id, &code).await.unwrap();
}

#[rstest]
#[tokio::test]
async fn a_code_works_once_with_its_own_id_while_it_lasts_and_five_wrong_ones_end_it(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = server(backend).await;
    let (user, other) = (verified(&server, false).await, verified(&server, false).await);
    let (id, code) = open(&server, &user).await;
    let (others_id, others_code) = open(&server, &other).await;
    let unknown = "x".repeat(43);
    for (id, code) in [(&id, &others_code), (&others_id, &code), (&unknown, &code)] {
        let refused = finish(&server, id, code).await.unwrap_err();
        assert_eq!(
            (refused.code(), reason(&refused)),
            (Code::Unauthenticated, "CHALLENGE_INVALID".into())
        );
    }
    finish(&server, &id, &code).await.unwrap();
    assert_eq!(reason_of(finish(&server, &id, &code).await), "CHALLENGE_INVALID", "used");

    server.clock.advance(COOL_DOWN);
    let (id, code) = open(&server, &user).await;
    for _ in 0..5 {
        assert_eq!(reason_of(finish(&server, &id, &wrong(&code)).await), "CHALLENGE_INVALID");
    }
    assert_eq!(reason_of(finish(&server, &id, &code).await), "CHALLENGE_EXHAUSTED");

    server.clock.advance(COOL_DOWN);
    let (id, code) = open(&server, &user).await;
    server.clock.advance(Duration::from_secs(300));
    assert_eq!(reason_of(finish(&server, &id, &code).await), "CHALLENGE_INVALID", "expired");
}

/// Each purpose has ids and codes of its own, whatever the caller makes of them.
#[rstest]
#[tokio::test]
async fn a_code_of_another_purpose_logs_nobody_in(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = server(backend).await;
    let user = verified(&server, false).await;
    let (reset_id, reset_code) = open_reset(&server, &user).await;
    assert_eq!(reason_of(finish(&server, &reset_id, &reset_code).await), "CHALLENGE_INVALID");
    let (id, code) = open(&server, &user).await;
    let as_reset = crate::mailbox::reset(&server, &id, &code, "another long passphrase").await;
    assert_eq!(reason_of(as_reset), "CHALLENGE_INVALID");
    let as_verification = crate::mailbox::verify_email(&server, &id, &code).await;
    assert_eq!(reason_of(as_verification), "CHALLENGE_INVALID");
    finish(&server, &id, &code).await.unwrap();
}

/// Pre-hijacking: whoever registered the address knows the password. Its owner must not come to use that account.
#[rstest]
#[tokio::test]
async fn an_address_that_nobody_has_verified_gets_no_code(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
    #[values(false, true)] verifies: bool,
) {
    let server = Server::start_with(backend, |config, _| {
        config.policy.email_login = true;
        config.policy.email_verification = verifies;
    })
    .await;
    let squatter = server.user(false).await;
    server.delivered().await;
    let sent = logs::codes(&squatter.username).len();
    begin(&server, &squatter.email).await.unwrap();
    assert_eq!(logs::codes(&squatter.username).len(), sent);
    super::verify(&server, &squatter).await;
    server.clock.advance(COOL_DOWN);
    begin_with(&server, request(&squatter.email)).await.unwrap();
    assert_eq!(logs::codes(&squatter.username).len(), sent + 1);
}
