//! An account that somebody registered with an address of somebody else's (account pre-hijacking).

use rstest::rstest;
use rstest_reuse::apply;

use super::{add, begin, list, log_in_with};
use crate::{
    harness::{Backend, Server, on_both, passkey::Passkey, reason, server::PASSWORD},
    mailbox::{NEW_PASSWORD, open_reset, reset},
};

/// Whoever registered knows the password, and has added a passkey before the owner of the mailbox takes the account over.
#[apply(on_both)]
#[tokio::test]
async fn a_reset_that_verifies_the_address_deletes_the_passkeys_of_before(backend: Backend) {
    let server = Server::start(backend).await;
    let (user, stranger) = (server.user(false).await, server.user(false).await);
    let (tokens, others) = (server.session(&user).await, server.session(&stranger).await);
    let (mut passkey, mut another) = (Passkey::new(), Passkey::new());
    add(&server, &tokens, &mut passkey).await;
    add(&server, &others, &mut another).await;
    log_in_with(&server, &mut passkey).await.unwrap();
    let (id, code) = open_reset(&server, &user).await;
    reset(&server, &id, &code, NEW_PASSWORD).await.unwrap();
    assert_eq!(
        reason(&log_in_with(&server, &mut passkey).await.unwrap_err()),
        "INVALID_CREDENTIALS"
    );
    // Other users' are left alone.
    log_in_with(&server, &mut another).await.unwrap();
}

#[apply(on_both)]
#[tokio::test]
async fn a_reset_of_a_verified_address_leaves_passkeys_alone(backend: Backend) {
    let server = Server::start(backend).await;
    let user = server.user(false).await;
    server.database.run("UPDATE users SET email_verified = (1 = 1)").await;
    let mut passkey = Passkey::new();
    add(&server, &server.session(&user).await, &mut passkey).await;
    let (id, code) = open_reset(&server, &user).await;
    reset(&server, &id, &code, NEW_PASSWORD).await.unwrap();
    let tokens = log_in_with(&server, &mut passkey).await.unwrap();
    assert_eq!(list(&server, &tokens).await.len(), 1);
}

#[apply(on_both)]
#[tokio::test]
async fn where_addresses_are_verified_nobody_adds_one_before(backend: Backend) {
    let server =
        Server::start_with(backend, |config, _| config.policy.email_verification = true).await;
    let user = server.user(false).await;
    let tokens = server.session(&user).await;
    let refused = begin(&server, &tokens, PASSWORD).await.unwrap_err();
    assert_eq!(reason(&refused), "EMAIL_UNVERIFIED");
    server.database.run("UPDATE users SET email_verified = (1 = 1)").await;
    add(&server, &tokens, &mut Passkey::new()).await;
}
