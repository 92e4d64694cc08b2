//! Codes for mailboxes: asked for, tried, and what comes of them.

use countersign::domain::EventKind::{
    CodeFailed, EmailVerified, PasswordReset, ResetRequested, SessionsRevoked, UserDeleted,
};
use rstest::rstest;

use super::Recorder;
use crate::{
    harness::{Backend, logs, server::wrong, unique},
    mailbox::{
        NEW_PASSWORD, end_account, open_reset, request_reset, reset, send_verification,
        verify_email,
    },
};

#[rstest]
#[tokio::test]
async fn requests_failures_and_what_comes_of_right_codes_are_on_record_and_refusals_are_not(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let mut recorder = Recorder::start(backend).await;
    let user = recorder.server.user(false).await;
    let session = recorder.server.session(&user).await;
    recorder.seen = super::events(&recorder.server.database).await.len();
    let of = Some(&user);

    let verification = send_verification(&recorder.server, &session).await.unwrap();
    let code = logs::code(&user.username);
    recorder.expect(&[]).await;
    verify_email(&recorder.server, &verification, &wrong(&code)).await.unwrap_err();
    recorder.expect(&[(CodeFailed, of, None)]).await;
    verify_email(&recorder.server, &verification, &code).await.unwrap();
    recorder.expect(&[(EmailVerified, of, None)]).await;
    let (id, code) = open_reset(&recorder.server, &user).await;
    recorder.expect(&[(ResetRequested, of, None)]).await;
    request_reset(&recorder.server, &user.email).await.unwrap_err();
    reset(&recorder.server, "unknown", &code, NEW_PASSWORD).await.unwrap_err();
    reset(&recorder.server, &id, &code, "short").await.unwrap_err();
    recorder.expect(&[]).await;
    reset(&recorder.server, &id, &wrong(&code), NEW_PASSWORD).await.unwrap_err();
    recorder.expect(&[(CodeFailed, of, None)]).await;
    reset(&recorder.server, &id, &code, NEW_PASSWORD).await.unwrap();
    recorder.expect(&[(PasswordReset, of, None), (SessionsRevoked, of, None)]).await;
}

/// As of nobody where nobody gets the code, without the address that was typed: both are the same writes.
#[rstest]
#[tokio::test]
async fn that_a_reset_was_asked_for_is_on_record_whether_somebody_gets_the_code_or_not(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let mut recorder = Recorder::start(backend).await;
    let user = recorder.server.user(false).await;
    recorder.seen = super::events(&recorder.server.database).await.len();
    let id = request_reset(&recorder.server, &user.email).await.unwrap();
    reset(&recorder.server, &id, "ZZZZZ-ZZZZZ", NEW_PASSWORD).await.unwrap_err();
    let of = Some(&user);
    recorder.expect(&[(ResetRequested, of, None), (CodeFailed, of, None)]).await;
    let nobodys = format!("{}@example.com", unique("nobody"));
    let id = request_reset(&recorder.server, &nobodys).await.unwrap();
    reset(&recorder.server, &id, "ZZZZZ-ZZZZZ", NEW_PASSWORD).await.unwrap_err();
    recorder.expect(&[(ResetRequested, None, None), (CodeFailed, None, None)]).await;
}

#[rstest]
#[tokio::test]
async fn an_account_that_its_mailbox_ends_is_on_record_and_a_refusal_of_that_is_not(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let mut recorder = Recorder::start(backend).await;
    let user = recorder.server.user(true).await;
    let (id, code) = open_reset(&recorder.server, &user).await;
    recorder.seen = super::events(&recorder.server.database).await.len();
    let set = |verified| format!("UPDATE users SET email_verified = ({verified} = 1)");
    recorder.server.database.run(&set(1)).await;
    end_account(&recorder.server, &id, &code).await.unwrap_err();
    recorder.expect(&[]).await;
    recorder.server.database.run(&set(0)).await;
    end_account(&recorder.server, &id, &code).await.unwrap();
    recorder.expect(&[(UserDeleted, Some(&user), None)]).await;
}
