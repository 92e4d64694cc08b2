//! VerifyEmail and ResendEmailVerification.

use std::time::Duration;

use rstest::rstest;
use tonic::Code;

use super::{COOL_DOWN, open_verification, verify_email};
use crate::harness::{
    Backend, Server, logs, reason, reason_of,
    server::{PASSWORD, wrong},
};

#[rstest]
#[tokio::test]
async fn the_code_that_was_sent_verifies_the_address_once(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let (user, neighbour) = (server.user(false).await, server.user(false).await);
    let tokens = [server.session(&user).await, server.session(&neighbour).await];
    let (id, code) = open_verification(&server, &user).await;
    let sent = logs::messages(&user.username).pop().unwrap();
    assert_eq!(sent["purpose"], "verify_email");
    assert_eq!(reason_of(verify_email(&server, &id, &wrong(&code)).await), "CHALLENGE_INVALID");
    assert!(!server.me(&tokens[0]).await.unwrap().email_verified);
    verify_email(&server, &id, &code).await.unwrap();
    assert!(server.me(&tokens[0]).await.unwrap().email_verified);
    assert!(!server.me(&tokens[1]).await.unwrap().email_verified);
    assert_eq!(reason_of(verify_email(&server, &id, &code).await), "CHALLENGE_INVALID");
}

#[rstest]
#[tokio::test]
async fn an_address_is_verified_whatever_becomes_of_the_password_meanwhile(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let user = server.user(false).await;
    let tokens = server.session(&user).await;
    let (id, code) = open_verification(&server, &user).await;
    server.change_password(&tokens, PASSWORD, super::NEW_PASSWORD).await.unwrap();
    verify_email(&server, &id, &code).await.unwrap();
    assert!(server.me(&tokens).await.unwrap().email_verified);
}

#[rstest]
#[tokio::test]
async fn five_wrong_codes_are_the_end_and_five_minutes_too(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let user = server.user(false).await;
    let (first, code) = open_verification(&server, &user).await;
    let wrong = wrong(&code);
    for typed in [&wrong, &wrong.to_lowercase(), &wrong.replace('-', ""), &wrong, &wrong] {
        assert_eq!(reason_of(verify_email(&server, &first, typed).await), "CHALLENGE_INVALID");
    }
    let refused = verify_email(&server, &first, &code).await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused)),
        (Code::FailedPrecondition, "CHALLENGE_EXHAUSTED".into())
    );
    server.clock.advance(COOL_DOWN);
    let (second, code) = open_verification(&server, &user).await;
    server.clock.advance(Duration::from_secs(300));
    assert_eq!(reason_of(verify_email(&server, &second, &code).await), "CHALLENGE_INVALID");
    let verified = "SELECT COUNT(*) FROM users WHERE email_verified";
    assert_eq!(server.database.number(verified).await, 0);
}

#[rstest]
#[tokio::test]
async fn a_disabled_user_verifies_nothing(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let user = server.user(false).await;
    let (id, code) = open_verification(&server, &user).await;
    server.database.run("UPDATE users SET disabled_at = created_at").await;
    assert_eq!(reason_of(verify_email(&server, &id, &code).await), "CHALLENGE_INVALID");
    let verified = "SELECT COUNT(*) FROM users WHERE email_verified";
    assert_eq!(server.database.number(verified).await, 0);
}
