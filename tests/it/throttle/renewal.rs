//! What gives nobody new attempts: more devices, another password, the owner's success.

use countersign::pb::{Challenge, Tokens, User, login_response::Result as Outcome};
use rstest::rstest;

use super::{Origin, SECOND, WRONG, login, tokens};
use crate::{
    factors::set_two_factor,
    harness::{
        Backend, Server, logs, reason, reason_of,
        server::{PASSWORD, wrong},
    },
};

const NEW: &str = "another passphrase";

async fn challenge(server: &Server, user: &User, password: &str, device: &str) -> Challenge {
    let from = Origin { device_token: device, ..Origin::default() };
    let response = login(&server.auth, &user.username, password, from).await.unwrap();
    server.delivered().await;
    match response.result {
        Some(Outcome::Challenge(challenge)) => challenge,
        other => panic!("no challenge: {other:?}"),
    }
}

/// Uses up the codes that may fail in an hour, from that device or from none.
async fn fail_twenty_codes(server: &Server, user: &User, device: &str) {
    for _ in 0..4 {
        let challenge = challenge(server, user, PASSWORD, device).await;
        let guess = wrong(&logs::code(&user.username));
        for _ in 0..5 {
            let answer = server.verify(&challenge, &guess).await;
            assert_eq!(reason_of(answer), "CHALLENGE_INVALID");
        }
    }
}

async fn logged_in(server: &Server, user: &User, password: &str, device: &str) -> Tokens {
    let challenge = challenge(server, user, password, device).await;
    server.verify(&challenge, &logs::code(&user.username)).await.unwrap()
}

/// Whoever has the password could make any number of them.
#[rstest]
#[tokio::test]
async fn devices_from_before_the_second_factor_have_no_codes_of_their_own(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let user = server.user(false).await;
    server.clock.stop();
    let before = tokens(&server.auth, &user.username, Origin::default()).await;
    set_two_factor(&server, &before, true, PASSWORD).await.unwrap();
    let after = logged_in(&server, &user, PASSWORD, "").await.device_token;
    fail_twenty_codes(&server, &user, "").await;
    let open = challenge(&server, &user, PASSWORD, &before.device_token).await;
    assert_eq!(logs::code(&user.username).len(), 11, "the codes of strangers are used up");
    server.verify(&open, &logs::code(&user.username)).await.unwrap();
    // One that has shown the second factor has its own, and keeps it when that is turned off.
    let after = logged_in(&server, &user, PASSWORD, &after).await;
    set_two_factor(&server, &after, false, PASSWORD).await.unwrap();
    for _ in 0..5 {
        server.login(&user.username, WRONG).await.unwrap_err();
    }
    let known = Origin { device_token: &after.device_token, ..Origin::default() };
    tokens(&server.auth, &user.username, known).await;
}

/// Whoever reads the mailbox can set one as often as they like.
#[rstest]
#[tokio::test]
async fn another_password_gives_no_new_codes(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let user = server.user(true).await;
    server.clock.stop();
    let owners = logged_in(&server, &user, PASSWORD, "").await;
    fail_twenty_codes(&server, &user, "").await;
    server.change_password(&owners, PASSWORD, NEW).await.unwrap();
    challenge(&server, &user, NEW, "").await;
    assert_eq!(logs::code(&user.username).len(), 11, "they are used up as before");
}

/// The password may be known to whoever failed a hundred times before.
#[rstest]
#[tokio::test]
async fn after_a_hundred_failures_the_mailbox_is_needed_until_there_is_another_password(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let user = server.user(false).await;
    server.clock.stop();
    for _ in 0..100 {
        assert_eq!(reason_of(server.login(&user.username, WRONG).await), "INVALID_CREDENTIALS");
        server.clock.advance(60 * SECOND);
    }
    let owners = logged_in(&server, &user, PASSWORD, "").await;
    challenge(&server, &user, PASSWORD, "").await;
    server.change_password(&owners, PASSWORD, NEW).await.unwrap();
    server.clock.advance(60 * SECOND);
    let answer = server.login(&user.username, NEW).await.unwrap().result;
    assert!(matches!(answer, Some(Outcome::Tokens(_))), "{answer:?}");
}

/// An account can be somebody's and its address somebody else's.
#[rstest]
#[tokio::test]
async fn a_mailbox_is_told_of_sixty_changes_an_hour(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let user = server.user(false).await;
    server.clock.stop();
    let tokens = server.session(&user).await;
    for _ in 0..60 {
        server.change_password(&tokens, PASSWORD, PASSWORD).await.unwrap();
    }
    let refused = server.change_password(&tokens, PASSWORD, NEW).await.unwrap_err();
    assert_eq!(reason(&refused), "THROTTLED");
    assert!(server.login(&user.username, PASSWORD).await.is_ok());
}
