//! What is recorded of codes for mailboxes.

use countersign::domain::EventKind::{
    CodeFailed, EmailVerified, PasswordReset, Registered, ResetRequested, SessionRevoked,
};
use rstest::rstest;

use super::{
    COOL_DOWN, NEW_PASSWORD, open_reset, open_verification, request_reset, reset, verify_email,
};
use crate::{
    events::events,
    harness::{Backend, Server, server::wrong, unique},
};

#[rstest]
#[tokio::test]
async fn requests_failures_and_what_comes_of_right_codes_are_on_record_and_refusals_are_not(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let user = server.user(false).await;
    let session = server.session(&user).await.session_id;
    let seen = events(&server.database).await.len();

    let (verification, code) = open_verification(&server, &user).await;
    verify_email(&server, &verification, &wrong(&code)).await.unwrap_err();
    verify_email(&server, &verification, &code).await.unwrap();
    let (id, code) = open_reset(&server, &user).await;
    request_reset(&server, &user.email).await.unwrap_err();
    reset(&server, "unknown", &code, NEW_PASSWORD).await.unwrap_err();
    reset(&server, &id, &code, "short").await.unwrap_err();
    reset(&server, &id, &wrong(&code), NEW_PASSWORD).await.unwrap_err();
    reset(&server, &id, &code, NEW_PASSWORD).await.unwrap();

    let (user, session) = (Some(user.id.as_str()), Some(session.as_str()));
    let recorded: Vec<_> = events(&server.database).await.split_off(seen);
    assert!(recorded.iter().all(|event| event.address == Some([127, 0, 0, 1].into())));
    let text = |id: Option<uuid::Uuid>| id.map(|id| id.to_string());
    let recorded: Vec<_> = recorded
        .iter()
        .map(|event| (event.kind, text(event.user_id), text(event.session_id)))
        .collect();
    let recorded: Vec<_> = recorded
        .iter()
        .map(|(kind, user, session)| (*kind, user.as_deref(), session.as_deref()))
        .collect();
    let expected = [
        (CodeFailed, user, None),
        (EmailVerified, user, None),
        (ResetRequested, user, None),
        (CodeFailed, user, None),
        (PasswordReset, user, None),
        (SessionRevoked, user, session),
    ];
    assert_eq!(recorded, expected);
}

/// An address that nobody has costs the same writes: otherwise the time would tell.
#[rstest]
#[tokio::test]
async fn of_an_address_that_nobody_has_the_same_is_on_record_without_a_user(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let user = server.user(false).await;
    for email in [user.email, format!("{}@example.com", unique("nobody"))] {
        let id = request_reset(&server, &email).await.unwrap();
        reset(&server, &id, "no code", NEW_PASSWORD).await.unwrap_err();
        server.clock.advance(COOL_DOWN);
    }
    let recorded = events(&server.database).await;
    let recorded: Vec<_> =
        recorded.iter().map(|event| (event.kind, event.user_id.is_some())).collect();
    let expected = [
        (Registered, true),
        (ResetRequested, true),
        (CodeFailed, true),
        (ResetRequested, false),
        (CodeFailed, false),
    ];
    assert_eq!(recorded, expected);
}
