//! Whose retry it is: the id of a request alone, which logs may tell, gets nobody anything.

use rstest::rstest;
use std::time::Duration;

use super::{Change, NEW_PASSWORD, asking, new_id, send};
use crate::{
    factors,
    harness::{Backend, Server, reason_of, server::PASSWORD},
};

/// A stolen token and the id of a request are not enough: the password is checked each time.
#[rstest]
#[tokio::test]
async fn a_retry_takes_the_password(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    for change in [Change::Begin, Change::RecoveryCodes] {
        let (mut asking, id) = (asking(&server, change).await, new_id());
        let first = send(&server, &asking, change, &id).await.unwrap();
        asking.password = "not the password".to_owned();
        let refused = send(&server, &asking, change, &id).await;
        assert_eq!(reason_of(refused), "INVALID_CREDENTIALS", "{change:?}");
        asking.password = PASSWORD.to_owned();
        assert_eq!(send(&server, &asking, change, &id).await.unwrap(), first);
    }
}

#[rstest]
#[tokio::test]
async fn guesses_at_it_are_counted(
    #[values(Change::Begin, Change::Password, Change::Reset)] change: Change,
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let (mut asking, id) = (asking(&server, change).await, new_id());
    send(&server, &asking, change, &id).await.unwrap();
    asking.new_password = "not the new password".to_owned();
    if change == Change::Begin {
        asking.password = "not the password".to_owned();
    }
    let wrong = if change == Change::Reset { "CHALLENGE_INVALID" } else { "INVALID_CREDENTIALS" };
    for _ in 0..5 {
        assert_eq!(reason_of(send(&server, &asking, change, &id).await), wrong);
    }
    assert_eq!(reason_of(send(&server, &asking, change, &id).await), "THROTTLED");
}

/// Else its caller would believe that the other password was set.
#[rstest]
#[tokio::test]
async fn a_request_with_another_new_password_is_no_retry(
    #[values(Change::Password, Change::Reset)] change: Change,
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let (mut asking, id) = (asking(&server, change).await, new_id());
    send(&server, &asking, change, &id).await.unwrap();
    asking.new_password = "yet another long passphrase".to_owned();
    assert!(send(&server, &asking, change, &id).await.is_err());
    let username = &asking.user.username;
    assert!(server.login_only(username, &asking.new_password).await.is_err());
    assert!(server.login_only(username, NEW_PASSWORD).await.is_ok());
}

#[rstest]
#[tokio::test]
async fn another_session_and_another_user_get_an_answer_of_their_own(
    #[values(Change::Begin, Change::RecoveryCodes)] change: Change,
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let (mut first, other, id) =
        (asking(&server, change).await, asking(&server, change).await, new_id());
    let answer = send(&server, &first, change, &id).await.unwrap();
    assert_ne!(send(&server, &other, change, &id).await.unwrap(), answer);
    first.tokens = if change == Change::RecoveryCodes {
        server.clock.advance(Duration::from_secs(30));
        server.session_by_mail(&first.user).await
    } else {
        server.session(&first.user).await
    };
    assert_ne!(send(&server, &first, change, &id).await.unwrap(), answer);
}

/// The code of an app is used up by the request itself.
#[rstest]
#[tokio::test]
async fn a_retry_takes_no_second_factor_again(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let (tokens, app) = factors::stale_session(&server).await;
    let (code, id) = (app.code_at(&server.clock), new_id());
    let first = factors::regenerate_by(&server, &tokens, &code, &id).await.unwrap();
    assert_eq!(factors::regenerate_by(&server, &tokens, &code, &id).await.unwrap(), first);
    let other = factors::regenerate_by(&server, &tokens, &code, &new_id()).await;
    assert_eq!(reason_of(other), "INVALID_CREDENTIALS");
}
