//! From the address to the tokens.

use std::time::Duration;

use countersign::{
    domain::EventKind::{ChallengeBegun, CodeFailed, EmailLoginRequested, LoginSucceeded},
    pb::BeginEmailLoginRequest,
};
use rstest::rstest;
use uuid::Uuid;

use super::{begin_with, finish, open, request, server, session_by_code, tokens, verified};
use crate::{
    events::events,
    factors::enrolled,
    harness::{
        Backend, Server,
        jwt::claims,
        logs, reason_of,
        server::{PASSWORD, wrong},
        wait,
    },
    mailbox::{COOL_DOWN, open_verification, verify_email},
};

#[rstest]
#[tokio::test]
async fn a_code_to_the_verified_address_logs_in_without_the_password(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = server(backend).await;
    let user = server.user(false).await;
    let (id, code) = open_verification(&server, &user).await;
    verify_email(&server, &id, &code).await.unwrap();
    let begun = BeginEmailLoginRequest {
        audience: "other".into(),
        device_name: "kiosk".into(),
        ..request(&user.email.to_uppercase())
    };
    let begun = begin_with(&server, begun).await.unwrap();
    assert_eq!(begun.expire_time.unwrap().seconds, server.clock.now().unix_seconds() + 300);
    let told = logs::messages(&user.username).pop().unwrap();
    assert_eq!(
        (&told["purpose"], &told["destination"]),
        (&"email_login".into(), &user.email.clone().into())
    );
    let code = logs::code(&user.username);
    assert_eq!(code.replace('-', "").len(), 10);
    // As people type it.
    let typed = code.to_lowercase().replace('-', " ");
    let tokens = tokens(finish(&server, &begun.login_id, &typed).await.unwrap());
    let said = claims(&tokens.access_token);
    assert_eq!((&said["amr"], &said["acr"]), (&serde_json::json!(["otp"]), &"1fa".into()));
    assert_eq!(said["aud"], "other");
    // The tokens are for another service.
    let here = server.session(&user).await;
    let sessions = server.sessions(&here).await.unwrap();
    let found = sessions.iter().find(|session| session.id == tokens.session_id).unwrap();
    assert_eq!(found.device_name, "kiosk");
    let refreshed = server.refresh(&tokens.refresh_token, "").await.unwrap();
    let refreshed = claims(&refreshed.access_token);
    assert_eq!((&refreshed["amr"], &refreshed["auth_time"]), (&said["amr"], &said["auth_time"]));
}

/// Whoever reads the mailbox logs in, and changes nothing of the account.
#[rstest]
#[tokio::test]
async fn changes_of_the_account_take_the_password_as_ever(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = server(backend).await;
    let user = verified(&server, false).await;
    let tokens = session_by_code(&server, &user).await;
    let (_, code) = (server.clock.advance(COOL_DOWN), open(&server, &user).await.1);
    for not_it in [&*code, "not the password"] {
        let refused = server.change_password(&tokens, not_it, "another long passphrase").await;
        assert_eq!(reason_of(refused), "INVALID_CREDENTIALS");
    }
    server.change_password(&tokens, PASSWORD, "another long passphrase").await.unwrap();
}

#[rstest]
#[tokio::test]
async fn a_request_that_is_sent_again_gets_the_same_answer_and_sends_no_other_code(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = server(backend).await;
    let user = verified(&server, false).await;
    let nobody = "nobody@example.com".to_owned();
    for email in [&user.email, &nobody] {
        let request_id = Uuid::now_v7().to_string();
        let ask = BeginEmailLoginRequest { request_id, ..request(email) };
        let first = begin_with(&server, ask.clone()).await.unwrap();
        assert_eq!(begin_with(&server, ask.clone()).await.unwrap(), first);
        // Another field makes it another request, which comes too early.
        let other = BeginEmailLoginRequest { device_name: "x".into(), ..ask.clone() };
        assert_eq!(wait(begin_with(&server, other).await), COOL_DOWN);
        server.clock.advance(Duration::from_secs(601));
        assert_ne!(begin_with(&server, ask).await.unwrap(), first);
    }
    assert_eq!(logs::codes(&user.username).len(), 2);
}

#[rstest]
#[tokio::test]
async fn requests_failures_and_logins_are_on_record(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = server(backend).await;
    let user = verified(&server, false).await;
    let enrolled = enrolled(&server).await;
    super::verify(&server, &enrolled.user).await;
    let before = events(&server.database).await.len();
    for who in [&user, &enrolled.user] {
        let (id, code) = open(&server, who).await;
        finish(&server, &id, &wrong(&code)).await.unwrap_err();
        finish(&server, &id, &code).await.unwrap();
    }
    let id = begin_with(&server, request("nobody@example.com")).await.unwrap().login_id;
    finish(&server, &id, "ZZZZZ-ZZZZZ").await.unwrap_err();
    let of = |user: &countersign::pb::User| Some(Uuid::parse_str(&user.id).unwrap());
    let seen: Vec<_> = events(&server.database).await.split_off(before);
    let seen: Vec<_> = seen.iter().map(|event| (event.kind, event.user_id)).collect();
    let (user, enrolled) = (of(&user), of(&enrolled.user));
    assert_eq!(
        seen,
        [
            (EmailLoginRequested, user),
            (CodeFailed, user),
            (LoginSucceeded, user),
            (EmailLoginRequested, enrolled),
            (CodeFailed, enrolled),
            (ChallengeBegun, enrolled),
            (EmailLoginRequested, None),
            (CodeFailed, None),
        ]
    );
}

/// It shows no password: whoever reads the mailbox would get new guesses at it with each login.
#[rstest]
#[tokio::test]
async fn passwords_that_have_failed_stay_counted(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = server(backend).await;
    let user = verified(&server, false).await;
    fail(&server, &user.username).await;
    let tokens = session_by_code(&server, &user).await;
    assert_eq!(reason_of(server.login(&user.username, PASSWORD).await), "THROTTLED");
    assert!(server.me(&tokens).await.is_ok());
}

/// Fails with passwords until the next one has to wait.
pub(super) async fn fail(server: &Server, username: &str) {
    for _ in 0..5 {
        let refused = server.login(username, "not the password").await;
        assert_eq!(reason_of(refused), "INVALID_CREDENTIALS");
    }
    assert_eq!(reason_of(server.login(username, PASSWORD).await), "THROTTLED");
}
