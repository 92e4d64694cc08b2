//! 64 callers at once.

use std::collections::{HashMap, HashSet};

use countersign::pb::{RegisterRequest, login_response};
use futures_util::future::join_all;
use rstest::rstest;

use crate::harness::{
    Backend, Server, logs, reason,
    server::{PASSWORD, registration},
};

const CALLERS: usize = 64;

fn count(answers: impl IntoIterator<Item = String>) -> HashMap<String, usize> {
    answers.into_iter().fold(HashMap::new(), |mut counts, answer| {
        *counts.entry(answer).or_default() += 1;
        counts
    })
}

/// How many events of that kind there are.
async fn recorded(server: &Server, kind: &str) -> i64 {
    server.database.number(&format!("SELECT COUNT(*) FROM events WHERE kind = '{kind}'")).await
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
    assert_eq!(recorded(&server, "registered").await, 1);
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
    assert_eq!(recorded(&server, "login_succeeded").await, 1);
}

/// Exactly one wins or none, and the session ends: a thief and the owner can't both go on.
#[rstest]
#[tokio::test]
async fn the_same_refresh_token_works_once_and_the_session_is_over(
    #[values(true, false)] with_request_ids: bool,
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let user = server.user(false).await;
    let tokens = server.session(&user).await;
    let request_id =
        || if with_request_ids { uuid::Uuid::now_v7().to_string() } else { String::new() };
    let answers = join_all((0..CALLERS).map(|_| {
        let (server, token, id) = (&server, &tokens.refresh_token, request_id());
        async move { server.refresh(token, &id).await }
    }))
    .await;
    let winners: Vec<_> = answers.iter().flatten().collect();
    assert!(winners.len() <= 1, "{winners:?}");
    let counts = count(answers.iter().map(|answer| match answer {
        Ok(_) => "OK".to_owned(),
        Err(refused) => reason(refused),
    }));
    let sum = ["OK", "REFRESH_REUSED", "TOKEN_INVALID"].map(|name| counts.get(name).unwrap_or(&0));
    assert_eq!(sum.into_iter().sum::<usize>(), CALLERS, "{counts:?}");
    assert!(counts.contains_key("REFRESH_REUSED"), "{counts:?}");
    for tokens in winners.into_iter().chain([&tokens]) {
        assert_eq!(reason(&server.me(tokens).await.unwrap_err()), "TOKEN_INVALID");
        let refused = server.refresh(&tokens.refresh_token, "").await.unwrap_err();
        assert_eq!(reason(&refused), "TOKEN_INVALID");
    }
    assert_eq!(server.database.number("SELECT COUNT(*) FROM revocations").await, 1);
    assert_eq!(recorded(&server, "refresh_reused").await, 1);
    server.delivered().await;
    assert_eq!(logs::notices(&user.username), ["refresh_reused"]);
}

#[rstest]
#[tokio::test]
async fn one_refresh_sent_many_times_gives_everybody_the_same_successor(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let tokens = server.session(&server.user(false).await).await;
    let id = uuid::Uuid::now_v7().to_string();
    let answers = join_all((0..CALLERS).map(|_| server.refresh(&tokens.refresh_token, &id))).await;
    let successors: HashSet<_> =
        answers.into_iter().map(|answer| answer.unwrap().refresh_token).collect();
    assert_eq!(successors.len(), 1);
    for successor in &successors {
        assert!(server.refresh(successor, "").await.is_ok());
    }
}

/// Each login, with the old password, would also replace the old hash.
#[rstest]
#[tokio::test]
async fn another_password_wins_against_logins_that_replace_the_hash_of_the_old_one(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let user = server.user(false).await;
    let mut old = PASSWORD.to_owned();
    for round in 0..8 {
        let import =
            format!("UPDATE users SET password_hash = '{}'", bcrypt::hash(&old, 4).unwrap());
        let login = server.login(&user.username, &old).await.unwrap();
        let Some(login_response::Result::Tokens(tokens)) = login.result else {
            panic!("no tokens")
        };
        server.database.run(&import).await;
        let new = format!("a passphrase for round {round}");
        let logins = join_all((0..8).map(|_| server.login(&user.username, &old)));
        let (changed, logins) = tokio::join!(server.change_password(&tokens, &old, &new), logins);
        changed.unwrap();
        for login in logins.into_iter().flatten() {
            let Some(login_response::Result::Tokens(tokens)) = login.result else {
                panic!("no tokens")
            };
            assert_eq!(reason(&server.me(&tokens).await.unwrap_err()), "TOKEN_INVALID");
        }
        assert!(server.login(&user.username, &new).await.is_ok(), "round {round}");
        assert!(server.login(&user.username, &old).await.is_err(), "round {round}");
        old = new;
    }
}

#[rstest]
#[tokio::test]
async fn of_many_changes_of_the_password_at_once_one_counts(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let user = server.user(false).await;
    let tokens = server.session(&user).await;
    let passwords: Vec<_> = (0..16).map(|number| format!("passphrase number {number}")).collect();
    let answers = join_all(
        passwords.iter().map(|password| server.change_password(&tokens, PASSWORD, password)),
    )
    .await;
    let mut counting = Vec::new();
    for (answer, password) in answers.iter().zip(&passwords) {
        match answer {
            Ok(()) => counting.push(password),
            Err(refused) => assert_eq!(reason(refused), "INVALID_CREDENTIALS"),
        }
    }
    assert_eq!(counting.len(), 1);
    assert_eq!(recorded(&server, "password_changed").await, 1);
    assert!(server.login(&user.username, counting[0]).await.is_ok());
    assert!(server.me(&tokens).await.is_ok());
}
