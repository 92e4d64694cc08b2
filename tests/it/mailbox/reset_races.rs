//! ResetPassword, many at once.

use futures_util::future::join_all;
use rstest::rstest;

use super::{COOL_DOWN, NEW_PASSWORD, open_reset, open_verification, reset, verify_email};
use crate::harness::{Backend, Server, logs, reason, server::PASSWORD};

const CALLERS: usize = 64;

#[rstest]
#[tokio::test]
async fn of_64_callers_with_the_right_code_one_sets_a_password(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let user = server.user(false).await;
    let (id, code) = open_reset(&server, &user).await;
    let passwords: Vec<_> =
        (0..CALLERS).map(|number| format!("passphrase number {number}")).collect();
    let answers =
        join_all(passwords.iter().map(|password| reset(&server, &id, &code, password))).await;
    let mut counting = Vec::new();
    for (answer, password) in answers.iter().zip(&passwords) {
        match answer {
            Ok(()) => counting.push(password),
            Err(refused) => {
                let reason = reason(refused);
                assert!(
                    ["CHALLENGE_INVALID", "CHALLENGE_EXHAUSTED"].contains(&reason.as_str()),
                    "{reason}"
                );
            }
        }
    }
    assert_eq!(counting.len(), 1);
    assert!(server.login(&user.username, counting[0]).await.is_ok());
    server.delivered().await;
    assert_eq!(logs::notices(&user.username), ["password_changed"]);
}

#[rstest]
#[tokio::test]
async fn of_64_callers_with_the_right_code_one_verifies_the_address(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let user = server.user(false).await;
    let (id, code) = open_verification(&server, &user).await;
    let answers = join_all((0..CALLERS).map(|_| verify_email(&server, &id, &code))).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
}

/// Whichever comes first, the other finds other credentials than those it goes by.
#[rstest]
#[tokio::test]
async fn of_a_reset_and_a_change_of_the_password_one_counts(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    const CHANGED: &str = "a passphrase by change";
    let server = Server::start(backend).await;
    for _ in 0..6 {
        let user = server.user(false).await;
        let tokens = server.session(&user).await;
        let resets = [open_reset(&server, &user).await, {
            server.clock.advance(COOL_DOWN);
            open_reset(&server, &user).await
        }];
        let [(first, first_code), (second, second_code)] = &resets;
        let (one, other, changed) = tokio::join!(
            reset(&server, first, first_code, NEW_PASSWORD),
            reset(&server, second, second_code, "a third passphrase"),
            server.change_password(&tokens, PASSWORD, CHANGED),
        );
        let outcomes = [(one, NEW_PASSWORD), (other, "a third passphrase"), (changed, CHANGED)];
        assert_eq!(outcomes.iter().filter(|(answer, _)| answer.is_ok()).count(), 1, "{outcomes:?}");
        for (answer, password) in &outcomes {
            assert_eq!(server.login(&user.username, password).await.is_ok(), answer.is_ok());
        }
    }
}

/// A login with the old password, at the moment of the reset, begins no session or one that is ended.
#[rstest]
#[tokio::test]
async fn no_session_slips_in_beside_a_reset(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    for _ in 0..6 {
        let user = server.user(false).await;
        let (id, code) = open_reset(&server, &user).await;
        let logins = join_all((0..4).map(|_| server.login_only(&user.username, PASSWORD)));
        let (done, _logins) = tokio::join!(reset(&server, &id, &code, NEW_PASSWORD), logins);
        done.unwrap();
    }
    let left = "SELECT COUNT(*) FROM sessions JOIN users ON users.id = user_id \
                WHERE epoch = session_epoch OR sessions.credential_version = users.credential_version";
    assert_eq!(server.database.number(left).await, 0);
}
