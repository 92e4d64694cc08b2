//! The password that a user who is logged in has to give again.

use futures_util::future::join_all;
use rstest::rstest;

use super::{SECOND, WRONG};
use crate::{
    factors::set_two_factor,
    harness::{Backend, Server, reason_of, server::PASSWORD, wait},
};

const NEW: &str = "another passphrase";

#[rstest]
#[tokio::test]
async fn a_stolen_token_is_no_licence_to_guess_and_its_owner_is_not_held_up(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let user = server.user(false).await;
    let (stolen, owners) = (server.session(&user).await, server.session(&user).await);
    server.clock.stop();
    // Whichever RPC asks for the password, the guesses count together.
    for _ in 0..3 {
        let answer = server.change_password(&stolen, WRONG, NEW).await;
        assert_eq!(reason_of(answer), "INVALID_CREDENTIALS");
    }
    for _ in 0..2 {
        assert_eq!(reason_of(server.delete_me(&stolen, WRONG).await), "INVALID_CREDENTIALS");
    }
    assert_eq!(wait(server.delete_me(&stolen, PASSWORD).await), SECOND);
    assert_eq!(wait(server.change_password(&stolen, PASSWORD, NEW).await), SECOND);
    server.session(&user).await;
    server.change_password(&owners, PASSWORD, NEW).await.unwrap();
}

#[rstest]
#[tokio::test]
async fn the_right_password_ends_the_row_of_failures_until_there_were_a_hundred(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let user = server.user(false).await;
    let mut tokens = server.session(&user).await;
    server.clock.stop();
    for _ in 0..4 {
        server.change_password(&tokens, WRONG, NEW).await.unwrap_err();
    }
    server.change_password(&tokens, PASSWORD, NEW).await.unwrap();
    for _ in 0..100 {
        let answer = server.change_password(&tokens, WRONG, PASSWORD).await;
        assert_eq!(reason_of(answer), "INVALID_CREDENTIALS");
        server.clock.advance(60 * SECOND);
        tokens = server.refresh(&tokens.refresh_token, "").await.unwrap();
    }
    let answer = server.change_password(&tokens, NEW, PASSWORD).await;
    assert_eq!(reason_of(answer), "INVALID_CREDENTIALS");
    // A login begins anew.
    assert!(server.login(&user.username, NEW).await.is_ok());
}

/// The attempt that is right is the hundredth that is charged.
#[rstest]
#[tokio::test]
async fn after_ninety_nine_failures_the_right_password_ends_the_row(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let user = server.user(false).await;
    let mut tokens = server.session(&user).await;
    server.clock.stop();
    for _ in 0..99 {
        let answer = set_two_factor(&server, &tokens, true, WRONG).await;
        assert_eq!(reason_of(answer), "INVALID_CREDENTIALS");
        server.clock.advance(60 * SECOND);
        tokens = server.refresh(&tokens.refresh_token, "").await.unwrap();
    }
    for _ in 0..2 {
        set_two_factor(&server, &tokens, false, PASSWORD).await.unwrap();
    }
}

#[rstest]
#[tokio::test]
async fn of_200_guesses_in_parallel_five_are_evaluated(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let user = server.user(false).await;
    let stolen = server.session(&user).await;
    server.clock.stop();
    let guesses = (0..200).map(|_| server.change_password(&stolen, WRONG, NEW));
    let answers: Vec<_> = join_all(guesses).await.into_iter().map(reason_of).collect();
    let count = |wanted: &str| answers.iter().filter(|reason| *reason == wanted).count();
    assert_eq!((count("INVALID_CREDENTIALS"), count("THROTTLED")), (5, 195));
}
