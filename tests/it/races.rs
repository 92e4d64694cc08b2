//! 64 callers at once.

use std::collections::{HashMap, HashSet};

use countersign::pb::RegisterRequest;
use futures_util::future::join_all;
use rstest::rstest;

use crate::harness::{Backend, Server, logs, reason, server::registration};

const CALLERS: usize = 64;

fn count(answers: impl IntoIterator<Item = String>) -> HashMap<String, usize> {
    answers.into_iter().fold(HashMap::new(), |mut counts, answer| {
        *counts.entry(answer).or_default() += 1;
        counts
    })
}

#[rstest]
#[tokio::test]
async fn the_same_registration_makes_one_account(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let request = registration(false);
    let answers = join_all((0..CALLERS).map(|_| server.register(request.clone()))).await;
    let counts = count(answers.into_iter().map(|answer| match answer {
        Ok(_) => "OK".to_owned(),
        Err(refused) => reason(&refused),
    }));
    assert_eq!((counts["OK"], counts["USERNAME_TAKEN"]), (1, CALLERS - 1), "{counts:?}");
    assert_eq!(server.database.number("SELECT COUNT(*) FROM users").await, 1);
}

#[rstest]
#[tokio::test]
async fn one_request_sent_many_times_gives_everybody_the_same_user(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let request_id = uuid::Uuid::now_v7().to_string();
    let request = RegisterRequest { request_id, ..registration(false) };
    let answers = join_all((0..CALLERS).map(|_| server.register(request.clone()))).await;
    let ids: HashSet<_> = answers.into_iter().map(|answer| answer.unwrap().id).collect();
    assert_eq!(ids.len(), 1);
    assert_eq!(server.database.number("SELECT COUNT(*) FROM users").await, 1);
}

#[rstest]
#[tokio::test]
async fn the_same_right_code_gives_one_pair_of_tokens(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let user = server.user(true).await;
    let challenge = server.challenge(&user).await;
    let code = logs::code(&user.username);
    let answers = join_all((0..CALLERS).map(|_| server.verify(&challenge, &code))).await;
    let counts = count(answers.into_iter().map(|answer| match answer {
        Ok(_) => "OK".to_owned(),
        Err(refused) => reason(&refused),
    }));
    assert_eq!(counts["OK"], 1, "{counts:?}");
    let refused =
        ["CHALLENGE_INVALID", "CHALLENGE_EXHAUSTED"].map(|reason| counts.get(reason).unwrap_or(&0));
    assert_eq!(refused.into_iter().sum::<usize>(), CALLERS - 1, "{counts:?}");
    assert_eq!(server.database.number("SELECT COUNT(*) FROM sessions").await, 1);
}
