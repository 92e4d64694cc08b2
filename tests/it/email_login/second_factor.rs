//! One mailbox never counts as two factors (OWASP ASVS 5.0, 6.4.3).

use countersign::pb::{Factor, Tokens, User, verify2_fa_request::Proof};
use rstest::rstest;
use tonic::Code;

use super::{challenge, finish, flow::fail, open, server, session_by_code, verified, verify};
use crate::{
    factors::{answer, enrolled, recovery, regenerate, set_two_factor, totp},
    harness::{
        Backend, Server,
        jwt::claims,
        logs, reason, reason_of,
        server::{PASSWORD, wrong},
    },
    mailbox::COOL_DOWN,
};

fn otp(code: &str) -> Proof {
    Proof::OtpCode(code.to_owned())
}

/// A user whose only second factor is the mailbox, and a session of theirs.
async fn with_mailbox(server: &Server) -> (User, Tokens) {
    let user = verified(server, true).await;
    let tokens = server.session_by_mail(&user).await;
    server.clock.advance(COOL_DOWN);
    (user, tokens)
}

#[rstest]
#[tokio::test]
async fn the_app_is_asked_for_and_both_are_two_factors_without_a_password(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = server(backend).await;
    let who = enrolled(&server).await;
    verify(&server, &who.user).await;
    let (id, code) = open(&server, &who.user).await;
    let asked = challenge(finish(&server, &id, &code).await.unwrap());
    assert_eq!(asked.factors().collect::<Vec<_>>(), [Factor::Totp, Factor::RecoveryCode]);
    assert_eq!((&*asked.masked_destination, asked.resend_time), ("", None));
    let sent = logs::codes(&who.user.username).len();
    assert_eq!(reason_of(server.resend(&asked).await), "FACTOR_UNAVAILABLE");
    for not_it in [otp(&code), otp("123456"), totp(wrong(&who.app.code_at(&server.clock)))] {
        assert_eq!(reason_of(answer(&server, &asked, not_it).await), "CHALLENGE_INVALID");
    }
    assert_eq!(logs::codes(&who.user.username).len(), sent);
    let right = totp(who.app.code_at(&server.clock));
    let tokens = answer(&server, &asked, right.clone()).await.unwrap();
    let said = claims(&tokens.access_token);
    assert_eq!((&said["amr"], &said["acr"]), (&serde_json::json!(["otp", "mfa"]), &"2fa".into()));
    assert_eq!(reason_of(answer(&server, &asked, right).await), "CHALLENGE_INVALID", "answered");
    assert_eq!(reason_of(finish(&server, &id, &code).await), "CHALLENGE_INVALID", "used");
}

#[rstest]
#[tokio::test]
async fn a_recovery_code_does_and_the_mailbox_is_not_offered_beside_it(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = server(backend).await;
    let (user, session) = with_mailbox(&server).await;
    let codes = regenerate(&server, &session, PASSWORD).await.unwrap();
    let (id, code) = open(&server, &user).await;
    let asked = challenge(finish(&server, &id, &code).await.unwrap());
    assert_eq!(asked.factors().collect::<Vec<_>>(), [Factor::RecoveryCode]);
    let tokens = answer(&server, &asked, recovery(&codes[0])).await.unwrap();
    assert_eq!(claims(&tokens.access_token)["amr"], serde_json::json!(["otp", "mfa"]));
}

/// Only whoever had the right code hears of it.
#[rstest]
#[tokio::test]
async fn where_only_the_mailbox_is_left_nobody_gets_in(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = server(backend).await;
    let (user, _) = with_mailbox(&server).await;
    let before = server.database.number("SELECT COUNT(*) FROM sessions").await;
    let (id, code) = open(&server, &user).await;
    assert_eq!(reason_of(finish(&server, &id, &wrong(&code)).await), "CHALLENGE_INVALID");
    let refused = finish(&server, &id, &code).await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused)),
        (Code::FailedPrecondition, "FACTOR_UNAVAILABLE".into())
    );
    assert_eq!(server.database.number("SELECT COUNT(*) FROM sessions").await, before);
    let begun = "SELECT COUNT(*) FROM challenges WHERE first_proof = 'mailbox'";
    assert_eq!(server.database.number(begun).await, 0);
}

/// The challenge itself knows what it began with: no list of factors makes a second one of the mailbox.
#[rstest]
#[tokio::test]
async fn a_challenge_that_lists_the_mailbox_all_the_same_sends_and_takes_no_code(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = server(backend).await;
    let who = enrolled(&server).await;
    verify(&server, &who.user).await;
    let (id, code) = open(&server, &who.user).await;
    let asked = challenge(finish(&server, &id, &code).await.unwrap());
    let set = "UPDATE challenges SET factors = 'email_code totp', resend_at = created_at";
    server.database.run(set).await;
    let sent = logs::codes(&who.user.username).len();
    assert_eq!(reason_of(server.resend(&asked).await), "FACTOR_UNAVAILABLE");
    assert_eq!(logs::codes(&who.user.username).len(), sent);
}

#[rstest]
#[tokio::test]
async fn a_second_factor_that_was_turned_on_since_is_asked_for(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = server(backend).await;
    let user = verified(&server, false).await;
    let session = server.session(&user).await;
    let (id, code) = open(&server, &user).await;
    set_two_factor(&server, &session, true, PASSWORD).await.unwrap();
    assert_eq!(reason_of(finish(&server, &id, &code).await), "FACTOR_UNAVAILABLE");
}

/// Neither the mailbox nor the app has shown the password.
#[rstest]
#[tokio::test]
async fn passwords_that_have_failed_stay_counted_here_too(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = server(backend).await;
    let who = enrolled(&server).await;
    verify(&server, &who.user).await;
    fail(&server, &who.user.username).await;
    let (id, code) = open(&server, &who.user).await;
    let asked = challenge(finish(&server, &id, &code).await.unwrap());
    answer(&server, &asked, totp(who.app.code_at(&server.clock))).await.unwrap();
    assert_eq!(reason_of(server.login(&who.user.username, PASSWORD).await), "THROTTLED");
}

/// A session by the mailbox alone may not turn the second factor off, nor change anything else, once that is on.
#[rstest]
#[tokio::test]
async fn a_session_by_the_mailbox_alone_is_over_once_the_second_factor_is_on(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = server(backend).await;
    let user = verified(&server, false).await;
    let by_code = session_by_code(&server, &user).await;
    let session = server.session(&user).await;
    set_two_factor(&server, &session, true, PASSWORD).await.unwrap();
    assert_eq!(reason_of(server.me(&by_code).await), "TOKEN_INVALID");
}
