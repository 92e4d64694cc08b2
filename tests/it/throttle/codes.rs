//! Failed codes, and codes that were sent.

use std::time::Duration;

use countersign::pb::{Challenge, User, login_response::Result as Outcome};
use futures_util::future::join_all;
use rstest::rstest;

use super::{Origin, SECOND, login};
use crate::harness::{
    Backend, Server, logs, reason_of,
    server::{PASSWORD, wrong},
    wait,
};

const HOUR: Duration = Duration::from_secs(3600);

/// A challenge and the code that answers it.
async fn challenge(server: &Server, user: &User, device_token: &str) -> (Challenge, String) {
    let origin = Origin { device_token, ..Origin::default() };
    let response = login(&server.auth, &user.username, PASSWORD, origin).await.unwrap();
    let Some(Outcome::Challenge(challenge)) = response.result else { panic!("no challenge") };
    server.delivered().await;
    (challenge, logs::code(&user.username))
}

#[rstest]
#[tokio::test]
async fn after_twenty_failed_codes_in_an_hour_six_digits_are_refused_and_no_more_are_sent(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let user = server.user(true).await;
    let (known, code) = challenge(&server, &user, "").await;
    let device = server.verify(&known, &code).await.unwrap().device_token;
    server.clock.stop();
    let (early, early_code) = challenge(&server, &user, "").await;
    for _ in 0..5 {
        let (challenge, code) = challenge(&server, &user, "").await;
        for _ in 0..4 {
            let answer = server.verify(&challenge, &wrong(&code)).await;
            assert_eq!(reason_of(answer), "CHALLENGE_INVALID");
        }
    }
    assert_eq!(wait(server.verify(&early, &wrong(&early_code)).await), HOUR);
    assert_eq!(wait(server.verify(&early, &early_code).await), HOUR);
    // Whoever reads the mailbox is not kept out: the next code is one that nobody guesses, and is not counted.
    let (long, code) = challenge(&server, &user, "").await;
    assert_eq!(code.len(), 11, "{code}");
    let guess = wrong(&code);
    for _ in 0..4 {
        assert_eq!(reason_of(server.verify(&long, &guess).await), "CHALLENGE_INVALID");
    }
    assert!(server.verify(&long, &code.to_lowercase().replace('-', " ")).await.is_ok());
    // A device that is known has codes of its own.
    let (right, code) = challenge(&server, &user, &device).await;
    assert!(server.verify(&right, &code).await.is_ok());
    server.clock.advance(HOUR - SECOND);
    let (long, _) = challenge(&server, &user, "").await;
    server.clock.advance(30 * SECOND);
    server.resend(&long).await.unwrap();
    let code = logs::code(&user.username);
    assert_eq!(code.len(), 6, "the hour is over: {code}");
    assert!(server.verify(&long, &code).await.is_ok());
}

#[rstest]
#[tokio::test]
async fn failed_codes_count_on_every_replica_and_after_a_restart(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let user = server.user(true).await;
    server.clock.stop();
    let other = server.replica(|_, _| {}).await;
    let (right, code) = challenge(&server, &user, "").await;
    for number in 0..4 {
        let at = if number % 2 == 0 { &server } else { &other };
        let (challenge, code) = challenge(&server, &user, "").await;
        for _ in 0..5 {
            let answer = at.verify(&challenge, &wrong(&code)).await;
            assert_eq!(reason_of(answer), "CHALLENGE_INVALID");
        }
    }
    assert_eq!(wait(other.verify(&right, &code).await), HOUR);
    assert_eq!(wait(server.verify(&right, &code).await), HOUR);
    let later = server.replica(|_, _| {}).await;
    for gone in [server, other] {
        drop(gone.stop);
        gone.ended.await.unwrap().unwrap();
    }
    assert_eq!(wait(later.verify(&right, &code).await), HOUR);
}

#[rstest]
#[tokio::test]
async fn of_200_codes_in_parallel_over_many_challenges_twenty_are_evaluated(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let user = server.user(true).await;
    server.clock.stop();
    let mut challenges = Vec::new();
    for _ in 0..40 {
        challenges.push(challenge(&server, &user, "").await);
    }
    let guesses = (0..200).map(|number| {
        let (challenge, code) = &challenges[number % 40];
        let guess = wrong(code);
        let server = &server;
        async move { server.verify(challenge, &guess).await }
    });
    let answers: Vec<_> = join_all(guesses).await.into_iter().map(reason_of).collect();
    let evaluated = answers.iter().filter(|reason| *reason == "CHALLENGE_INVALID").count();
    let refused = answers.iter().filter(|reason| *reason == "THROTTLED").count();
    assert_eq!((evaluated, refused), (20, 180));
}

#[rstest]
#[tokio::test]
async fn right_codes_are_not_counted(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let user = server.user(true).await;
    for _ in 0..25 {
        let (challenge, code) = challenge(&server, &user, "").await;
        assert!(server.verify(&challenge, &code).await.is_ok());
    }
}

#[rstest]
#[tokio::test]
async fn sixty_codes_an_hour_are_sent_to_a_mailbox(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let user = server.user(true).await;
    server.clock.stop();
    let (first, _) = challenge(&server, &user, "").await;
    // What is asked for too early is not sent, and not counted.
    assert_eq!(wait(server.resend(&first).await), 30 * SECOND);
    for _ in 0..58 {
        challenge(&server, &user, "").await;
    }
    server.clock.advance(30 * SECOND);
    assert!(server.resend(&first).await.is_ok());
    server.clock.advance(30 * SECOND);
    assert_eq!(wait(server.resend(&first).await), HOUR - 60 * SECOND);
    assert_eq!(wait(server.login(&user.username, PASSWORD).await), HOUR - 60 * SECOND);
    assert_eq!(logs::codes(&user.username).len(), 60);
    // The code that was sent last still works: a refusal replaces nothing.
    assert!(server.verify(&first, &logs::code(&user.username)).await.is_ok());
    server.clock.advance(HOUR - 60 * SECOND);
    challenge(&server, &user, "").await;
}
