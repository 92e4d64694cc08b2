//! What leaves no event.

use countersign::{
    domain::EventKind,
    pb::{Challenge, RegisterRequest},
};
use futures_util::future::join_all;
use rstest::rstest;
use uuid::Uuid;

use super::{Recorder, WRONG, events};
use crate::harness::{
    Backend, logs, reason,
    server::{PASSWORD, registration, wrong},
};

#[rstest]
#[tokio::test]
async fn what_is_refused_or_changes_nothing_leaves_none(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let mut recorder = Recorder::start(backend).await;
    let request_id = Uuid::now_v7().to_string();
    let request = RegisterRequest { request_id, ..registration(false) };
    let user = recorder.server.register(request.clone()).await.unwrap();
    let careful = recorder.server.user(true).await;
    let (own, ended) = (recorder.server.session(&user).await, recorder.server.session(&user).await);
    recorder.server.logout(&ended.refresh_token).await.unwrap();
    let challenge = recorder.server.challenge(&careful).await;
    let wrong = wrong(&logs::code(&careful.username));
    for _ in 0..5 {
        recorder.server.verify(&challenge, &wrong).await.unwrap_err();
    }
    recorder.seen = events(&recorder.server.database).await.len();

    let server = &recorder.server;
    // Bad fields; names that are taken; a request that came before.
    server.login("", PASSWORD).await.unwrap_err();
    server.verify(&challenge, "no code").await.unwrap_err();
    server.change_password(&own, PASSWORD, "short").await.unwrap_err();
    let rival = RegisterRequest { request_id: String::new(), ..request.clone() };
    server.register(rival).await.unwrap_err();
    server.register(request.clone()).await.unwrap();
    // Challenges that have no attempts or never were; refresh tokens likewise.
    let exhausted = server.verify(&challenge, "000000").await.unwrap_err();
    assert_eq!(reason(&exhausted), "CHALLENGE_EXHAUSTED");
    let challenge_id = "nobody's".to_owned();
    let unknown = Challenge { challenge_id, ..challenge };
    server.verify(&unknown, "000000").await.unwrap_err();
    server.refresh("nobody's", "").await.unwrap_err();
    server.refresh(&ended.refresh_token, "").await.unwrap_err();
    server.logout("nobody's").await.unwrap_err();
    // Sessions that have ended, that never were, and none but the one that asks.
    server.logout(&ended.refresh_token).await.unwrap();
    recorder.revoke(&own, &ended.session_id).await;
    recorder.revoke(&own, &Uuid::now_v7().to_string()).await;
    recorder.revoke_others(&own).await;
    recorder.expect(&[]).await;

    // The retry of a registration is no way to try passwords unseen.
    let guess = RegisterRequest { password: WRONG.to_owned(), ..request };
    recorder.server.register(guess).await.unwrap_err();
    recorder.expect(&[(EventKind::ConfirmationFailed, Some(&user), None)]).await;
}

/// A flood of logins that are refused for their number must not fill the table.
#[rstest]
#[tokio::test]
async fn throttled_logins_leave_no_event(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let recorder = Recorder::start(backend).await;
    let user = recorder.server.user(false).await;
    let guesses = (0..20).map(|_| recorder.server.login(&user.username, WRONG));
    let answers = join_all(guesses).await;
    let reasons: Vec<_> = answers.into_iter().map(|answer| reason(&answer.unwrap_err())).collect();
    let failed = reasons.iter().filter(|reason| *reason == "INVALID_CREDENTIALS").count();
    assert!(failed < 20 && reasons.iter().any(|reason| reason == "THROTTLED"), "{reasons:?}");
    let events = events(&recorder.server.database).await;
    let recorded = events.iter().filter(|event| event.kind == EventKind::LoginFailed).count();
    assert_eq!(recorded, failed);
}
