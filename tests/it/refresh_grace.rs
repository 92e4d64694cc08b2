//! RefreshToken by several tabs at once: a repeat within the grace, and the attacks on it that ADR 48 lists.

use std::{collections::BTreeSet, time::Duration};

use countersign::{app::Environment, config::Config, pb::Tokens};
use futures_util::future::join_all;
use rstest::rstest;
use tonic::Status;

use crate::harness::{Backend, Server, reason};

const GRACE: Duration = Duration::from_secs(10);
const BEYOND: Duration = Duration::from_secs(11);

fn with_grace(config: &mut Config, _: &mut Environment) {
    config.policy.refresh_grace = GRACE;
}

/// A server whose clock stands still, and the tokens of a session.
async fn started(backend: Backend) -> (Server, Tokens) {
    let server = Server::start_with(backend, with_grace).await;
    server.clock.stop();
    let tokens = server.session(&server.user(false).await).await;
    (server, tokens)
}

fn refused(answer: Result<Tokens, Status>) -> String {
    reason(&answer.unwrap_err())
}

async fn has_ended(server: &Server, tokens: &Tokens) -> bool {
    server.me(tokens).await.is_err_and(|refused| reason(&refused) == "TOKEN_INVALID")
}

#[rstest]
#[tokio::test]
async fn tabs_that_refresh_at_once_all_get_the_one_successor(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let (server, tokens) = started(backend).await;
    let ids = [String::new(), uuid::Uuid::now_v7().to_string()];
    let tabs = (0..32).map(|tab| server.refresh(&tokens.refresh_token, &ids[tab % 2]));
    let answers: Result<Vec<_>, _> = join_all(tabs).await.into_iter().collect();
    let answers = answers.unwrap();
    let successors: BTreeSet<_> = answers.iter().map(|tokens| &tokens.refresh_token).collect();
    assert_eq!(successors.len(), 1, "the session does not fork");
    for tokens in &answers {
        assert!(server.me(tokens).await.is_ok());
    }
    // The one that comes after the successor's own use is late, however soon it comes.
    server.refresh(&answers[0].refresh_token, "").await.unwrap();
    assert_eq!(refused(server.refresh(&tokens.refresh_token, "").await), "REFRESH_REUSED");
    assert!(has_ended(&server, &answers[0]).await);
}

#[rstest]
#[tokio::test]
async fn the_grace_ends_its_seconds_after_the_first_use_however_often_it_is_repeated(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let (server, tokens) = started(backend).await;
    let first = server.refresh(&tokens.refresh_token, "").await.unwrap();
    for _ in 0..2 {
        server.clock.advance(GRACE / 2);
        let again = server.refresh(&tokens.refresh_token, "").await.unwrap();
        assert_eq!(again.refresh_token, first.refresh_token);
    }
    server.clock.advance(Duration::from_millis(1));
    assert_eq!(refused(server.refresh(&tokens.refresh_token, "").await), "REFRESH_REUSED");
    assert!(has_ended(&server, &first).await);
}

/// Attack 1: the token is stolen, and the thief comes first, in a moment when the owner is away.
#[rstest]
#[tokio::test]
async fn a_thief_who_comes_first_is_found_when_the_owner_comes(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let (server, owner) = started(backend).await;
    let thief = server.refresh(&owner.refresh_token, "").await.unwrap();
    server.clock.advance(BEYOND);
    assert_eq!(refused(server.refresh(&owner.refresh_token, "").await), "REFRESH_REUSED");
    assert!(has_ended(&server, &thief).await);
}

/// Attack 2: the thief comes within the grace of the owner's own refresh. Both now hold one token, not one each: the second of
/// them to use it, outside another grace, is found.
#[rstest]
#[case::the_owner_goes_on_first(true)]
#[case::the_thief_goes_on_first(false)]
#[tokio::test]
async fn a_thief_within_the_grace_is_found_at_the_next_use(
    #[case] owner_first: bool,
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let (server, stolen) = started(backend).await;
    let owner = server.refresh(&stolen.refresh_token, "").await.unwrap();
    server.clock.advance(GRACE / 2);
    let thief = server.refresh(&stolen.refresh_token, "").await.unwrap();
    assert_eq!(thief.refresh_token, owner.refresh_token);
    let (first, second) = if owner_first { (&owner, &thief) } else { (&thief, &owner) };
    server.clock.advance(BEYOND);
    let next = server.refresh(&first.refresh_token, "").await.unwrap();
    server.clock.advance(BEYOND);
    assert_eq!(refused(server.refresh(&second.refresh_token, "").await), "REFRESH_REUSED");
    assert!(has_ended(&server, &next).await);
}

/// Attack 3: a spent token from a log, a backup or a copy of the device, tried when its successor has been used.
#[rstest]
#[tokio::test]
async fn a_token_from_before_the_last_one_has_no_grace(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let (server, first) = started(backend).await;
    let second = server.refresh(&first.refresh_token, "").await.unwrap();
    let third = server.refresh(&second.refresh_token, "").await.unwrap();
    assert_eq!(refused(server.refresh(&first.refresh_token, "").await), "REFRESH_REUSED");
    assert!(has_ended(&server, &third).await);
}

/// Attack 4: what ended the session ends the repeat, too.
#[rstest]
#[tokio::test]
async fn a_session_that_has_ended_has_no_grace(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let (server, tokens) = started(backend).await;
    server.refresh(&tokens.refresh_token, "").await.unwrap();
    server.logout(&tokens.refresh_token).await.unwrap();
    assert_eq!(refused(server.refresh(&tokens.refresh_token, "").await), "TOKEN_INVALID");
}

#[rstest]
#[tokio::test]
async fn another_replica_gives_the_same_successor(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let (server, tokens) = started(backend).await;
    let other = server.replica(with_grace).await;
    let here = server.refresh(&tokens.refresh_token, "").await.unwrap();
    let there = other.refresh(&tokens.refresh_token, "").await.unwrap();
    assert_eq!(here.refresh_token, there.refresh_token);
}

#[rstest]
#[tokio::test]
async fn without_a_grace_the_second_use_is_a_reuse(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start_with(backend, |config, _| {
        config.policy.refresh_grace = Duration::ZERO;
    })
    .await;
    server.clock.stop();
    let tokens = server.session(&server.user(false).await).await;
    server.refresh(&tokens.refresh_token, "").await.unwrap();
    assert_eq!(refused(server.refresh(&tokens.refresh_token, "").await), "REFRESH_REUSED");
}
