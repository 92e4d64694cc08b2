//! Register where addresses are verified.

use std::collections::HashSet;

use countersign::pb::RegisterRequest;
use futures_util::future::join_all;
use rstest::rstest;

use super::{register, start, verify_email};
use crate::harness::{
    Backend, Server, logs, reason_of,
    server::{PASSWORD, registration},
};

#[rstest]
#[tokio::test]
async fn a_new_user_is_sent_a_code_that_verifies_the_address(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = start(backend).await;
    let registered = register(&server, registration(false)).await.unwrap();
    let user = registered.user.unwrap();
    assert!(!user.email_verified);
    server.delivered().await;
    assert_eq!(logs::messages(&user.username)[0]["purpose"], "verify_email");
    // It keeps nobody from logging in: whoever wants that asks for the address.
    let tokens = server.session(&user).await;
    let code = logs::code(&user.username);
    verify_email(&server, &registered.verification_id, &code).await.unwrap();
    assert!(server.me(&tokens).await.unwrap().email_verified);
}

#[rstest]
#[tokio::test]
async fn where_it_is_off_there_is_no_code_and_no_id(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let registered = register(&server, registration(false)).await.unwrap();
    assert_eq!(registered.verification_id, "");
    for table in ["mailbox_codes", "outbox"] {
        assert_eq!(server.database.number(&format!("SELECT COUNT(*) FROM {table}")).await, 0);
    }
}

#[rstest]
#[tokio::test]
async fn one_request_sent_many_times_sends_one_code_and_gives_everybody_its_id(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = start(backend).await;
    let request_id = uuid::Uuid::now_v7().to_string();
    let request = RegisterRequest { request_id, ..registration(false) };
    let answers = join_all((0..24).map(|_| register(&server, request.clone()))).await;
    let late = register(&server, request.clone()).await;
    let answers = answers.into_iter().chain([late]);
    let ids: HashSet<_> = answers.map(|answer| answer.unwrap().verification_id).collect();
    assert_eq!(ids.len(), 1, "{ids:?}");
    server.delivered().await;
    let codes = logs::codes(&request.username);
    assert_eq!(codes.len(), 1);
    verify_email(&server, ids.iter().next().unwrap(), &codes[0]).await.unwrap();
    assert_eq!(server.database.number("SELECT COUNT(*) FROM mailbox_codes").await, 1);
}

#[rstest]
#[tokio::test]
async fn a_registration_that_fails_sends_nothing(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = start(backend).await;
    let request = registration(false);
    let id = register(&server, request.clone()).await.unwrap().verification_id;
    verify_email(&server, &id, &logs::code(&request.username)).await.unwrap();
    let other = RegisterRequest { username: registration(false).username, ..request.clone() };
    assert_eq!(reason_of(register(&server, other.clone()).await), "EMAIL_TAKEN");
    server.delivered().await;
    assert_eq!(logs::codes(&request.username).len() + logs::codes(&other.username).len(), 1);
}

/// Otherwise registering and deleting, again and again, would flood whatever mailbox.
#[rstest]
#[tokio::test]
async fn forty_registrations_an_hour_are_sent_to_a_mailbox_whatever_is_added_to_its_name(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = start(backend).await;
    server.clock.stop();
    let request = registration(false);
    let (local, domain) = request.email.split_once('@').unwrap();
    for number in 0..40 {
        let email = format!("{local}+{number}@{domain}");
        let user = register(&server, RegisterRequest { email, ..request.clone() })
            .await
            .unwrap()
            .user
            .unwrap();
        let tokens = server.session(&user).await;
        server.delete_me(&tokens, PASSWORD).await.unwrap();
    }
    assert_eq!(reason_of(register(&server, request.clone()).await), "THROTTLED");
    server.clock.advance(std::time::Duration::from_secs(3600));
    assert!(register(&server, request).await.is_ok());
}
