//! Whose address it is.

use std::time::Duration;

use countersign::pb::RegisterRequest;
use rstest::rstest;

use super::{register, server, user, verify};
use crate::{
    harness::{
        Backend, Server, logs, reason_of,
        server::{PASSWORD, registration},
    },
    mailbox::COOL_DOWN,
};

#[rstest]
#[tokio::test]
async fn the_owner_of_a_taken_address_is_told_once_a_day_and_keeps_it(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = server(backend).await;
    let owner = user(&server).await;
    let told = || {
        let notices = logs::notices(&owner.username);
        notices.iter().filter(|notice| *notice == "email_in_use").count()
    };
    let (sent, request) = (
        logs::codes(&owner.username).len(),
        RegisterRequest { email: owner.email.clone(), ..registration(false) },
    );
    // Also by another code, and by another spelling of the mailbox.
    let id = register(&server, request.clone()).await.unwrap().verification_id;
    assert_eq!(told(), 1);
    crate::mailbox::resend(&server, &id).await.unwrap();
    let username = registration(false).username;
    register(&server, RegisterRequest { username, ..request.clone() }).await.unwrap();
    assert_eq!(told(), 1);
    server.clock.advance(Duration::from_secs(24 * 3600));
    let username = registration(false).username;
    register(&server, RegisterRequest { username, ..request.clone() }).await.unwrap();
    assert_eq!(told(), 2);
    assert_eq!(logs::codes(&owner.username).len(), sent, "no code counts");
    assert_eq!(logs::codes(&request.username).len(), 0);
    assert!(server.login(&owner.email, PASSWORD).await.is_ok());
}

/// Somebody else verifies the address while a registration waits: it is theirs.
#[rstest]
#[tokio::test]
async fn the_first_who_reads_the_mailbox_has_the_address_and_the_others_learn_nothing(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = server(backend).await;
    let first = registration(false);
    let id = register(&server, first.clone()).await.unwrap().verification_id;
    let late = RegisterRequest { email: first.email.clone(), ..registration(false) };
    let late_id = register(&server, late.clone()).await.unwrap().verification_id;
    verify(&server, &id, &logs::code(&first.username), "").await.unwrap();
    let code = logs::code(&late.username);
    assert_eq!(reason_of(verify(&server, &late_id, &code, "").await), "CHALLENGE_INVALID");
    server.clock.advance(COOL_DOWN);
    assert!(crate::mailbox::resend(&server, &late_id).await.is_ok());
    assert_eq!(logs::codes(&late.username).len(), 1, "it is no code");
    assert_eq!(logs::notices(&first.username), ["email_in_use"]);
}

/// An operator turns it on where accounts claim addresses already, and off again where some wait.
#[rstest]
#[tokio::test]
async fn accounts_from_before_end_by_the_proof_and_who_waits_is_not_lost(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let loud =
        Server::start_with(backend, |config, _| config.policy.email_verification = true).await;
    loud.clock.stop();
    let squatter = loud.user(false).await;
    loud.delivered().await;
    let quiet = loud
        .replica(|config, _| {
            config.policy.email_verification = true;
            config.policy.register_quietly = true;
        })
        .await;
    let request = RegisterRequest { email: squatter.email.clone(), ..registration(false) };
    let id = register(&quiet, request.clone()).await.unwrap().verification_id;
    let code = logs::code(&request.username);
    verify(&loud, &id, &code, "").await.unwrap();
    assert!(quiet.login(&request.email, PASSWORD).await.is_ok());
    assert_eq!(reason_of(quiet.login(&squatter.username, PASSWORD).await), "INVALID_CREDENTIALS");
}
