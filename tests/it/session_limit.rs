//! How many sessions a user may have.

use countersign::pb::{RevokeOtherSessionsRequest, Tokens};
use rstest::rstest;

use crate::harness::{Backend, Server, logs, reason, server::bearer};

/// A server on which a user may have two sessions.
async fn two_each(backend: Backend) -> Server {
    Server::start_with(backend, |config, _| config.policy.sessions_per_user = 2).await
}

async fn alive(server: &Server, sessions: &[Tokens]) -> Vec<bool> {
    let mut alive = Vec::new();
    for tokens in sessions {
        alive.push(server.me(tokens).await.is_ok());
    }
    alive
}

#[rstest]
#[tokio::test]
async fn a_login_beyond_the_limit_ends_the_oldest_session_and_its_tokens(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = two_each(backend).await;
    let (user, neighbour) = (server.user(false).await, server.user(false).await);
    let others = [server.session(&neighbour).await, server.session(&neighbour).await];
    let mut sessions = vec![server.session(&user).await, server.session(&user).await];
    assert_eq!(alive(&server, &sessions).await, [true, true]);
    sessions.push(server.session(&user).await);
    assert_eq!(alive(&server, &sessions).await, [false, true, true]);
    let refused = server.refresh(&sessions[0].refresh_token, "").await.unwrap_err();
    assert_eq!(reason(&refused), "TOKEN_INVALID");
    let told = "SELECT COUNT(*) FROM revocations WHERE session_id IS NOT NULL";
    assert_eq!(server.database.number(told).await, 1, "also to those who verify by themselves");
    assert_eq!(alive(&server, &others).await, [true, true]);
}

#[rstest]
#[tokio::test]
async fn so_does_one_with_a_second_factor(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = two_each(backend).await;
    let user = server.user(true).await;
    let mut sessions = Vec::new();
    for _ in 0..3 {
        let challenge = server.challenge(&user).await;
        sessions.push(server.verify(&challenge, &logs::code(&user.username)).await.unwrap());
    }
    assert_eq!(alive(&server, &sessions).await, [false, true, true]);
}

/// By their beginning, which nobody can change: an attacker who refreshes all the time drives nobody else out.
#[rstest]
#[tokio::test]
async fn a_session_that_was_used_lately_and_began_first_is_the_oldest(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = two_each(backend).await;
    let user = server.user(false).await;
    let first = server.session(&user).await;
    let second = server.session(&user).await;
    let first = server.refresh(&first.refresh_token, "").await.unwrap();
    let third = server.session(&user).await;
    assert_eq!(alive(&server, &[first, second, third]).await, [false, true, true]);
}

#[rstest]
#[tokio::test]
async fn what_ended_with_all_others_does_not_count(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = two_each(backend).await;
    let user = server.user(false).await;
    let kept = server.session(&user).await;
    server.session(&user).await;
    let request = bearer(&kept, RevokeOtherSessionsRequest {});
    server.account.clone().revoke_other_sessions(request).await.unwrap();
    let next = server.session(&user).await;
    assert_eq!(alive(&server, &[kept, next]).await, [true, true]);
}
