//! Sessions that end, and accounts that change.

use countersign::domain::EventKind;
use rstest::rstest;

use super::{Recorder, WRONG, events};
use crate::harness::{Backend, server::PASSWORD};

const NEXT: &str = "another long passphrase";

#[rstest]
#[tokio::test]
async fn each_end_of_a_session_and_each_change_of_an_account_leaves_one_event(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    use EventKind::{
        ConfirmationFailed, PasswordChanged, RefreshReused, SessionRevoked, SessionsRevoked,
        UserDeleted,
    };
    let mut recorder = Recorder::start(backend).await;
    let user = recorder.server.user(false).await;
    let mut sessions = Vec::new();
    for _ in 0..7 {
        sessions.push(recorder.server.session(&user).await);
    }
    let [own, out, revoked, reused, first, second, _last] = &sessions[..] else { unreachable!() };
    recorder.seen = events(&recorder.server.database).await.len();
    let user = Some(&user);

    recorder.server.logout(&out.refresh_token).await.unwrap();
    recorder.expect(&[(SessionRevoked, user, Some(out))]).await;
    recorder.revoke(own, &revoked.session_id).await;
    recorder.expect(&[(SessionRevoked, user, Some(revoked))]).await;
    recorder.server.refresh(&reused.refresh_token, "").await.unwrap();
    recorder.expect(&[]).await;
    recorder.server.refresh(&reused.refresh_token, "").await.unwrap_err();
    recorder.expect(&[(RefreshReused, user, Some(reused))]).await;
    recorder.revoke(own, &first.session_id).await;
    recorder.revoke(own, &second.session_id).await;
    recorder
        .expect(&[(SessionRevoked, user, Some(first)), (SessionRevoked, user, Some(second))])
        .await;

    recorder.server.change_password(own, WRONG, NEXT).await.unwrap_err();
    recorder.expect(&[(ConfirmationFailed, user, Some(own))]).await;
    recorder.server.change_password(own, PASSWORD, NEXT).await.unwrap();
    recorder
        .expect(&[(PasswordChanged, user, Some(own)), (SessionsRevoked, user, Some(own))])
        .await;
    recorder.server.delete_me(own, WRONG).await.unwrap_err();
    recorder.expect(&[(ConfirmationFailed, user, Some(own))]).await;
    recorder.server.delete_me(own, NEXT).await.unwrap();
    recorder.expect(&[(UserDeleted, user, Some(own))]).await;
}

#[rstest]
#[tokio::test]
async fn of_other_sessions_that_are_ended_there_is_one_event_however_many_they_are(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let mut recorder = Recorder::start(backend).await;
    let user = recorder.server.user(false).await;
    let own = recorder.server.session(&user).await;
    for _ in 0..2 {
        recorder.server.session(&user).await;
    }
    recorder.seen = events(&recorder.server.database).await.len();
    recorder.revoke_others(&own).await;
    recorder.expect(&[(EventKind::SessionsRevoked, Some(&user), Some(&own))]).await;
    recorder.revoke_others(&own).await;
    recorder.expect(&[]).await;
}
