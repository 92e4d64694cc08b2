//! Devices that have logged in before.

use std::time::Duration;

use countersign::pb::User;
use rstest::rstest;

use super::{Origin, SECOND, WRONG, login, tokens};
use crate::harness::{Backend, Server, reason_of, server::PASSWORD, wait};

fn on(device_token: &str) -> Origin<'_> {
    Origin { device_token, ..Origin::default() }
}

/// Strangers fail until they have to wait a minute for the next try.
async fn burn(server: &Server, user: &User) {
    server.clock.stop();
    for delay in [0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32] {
        server.clock.advance(delay * SECOND);
        assert_eq!(reason_of(server.login(&user.username, WRONG).await), "INVALID_CREDENTIALS");
    }
    assert_eq!(wait(server.login(&user.username, WRONG).await), 60 * SECOND);
}

#[rstest]
#[tokio::test]
async fn while_strangers_have_burnt_the_budget_a_known_device_logs_in_and_another_waits_a_minute(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let user = server.user(false).await;
    let device = tokens(&server.auth, &user.username, Origin::default()).await.device_token;
    burn(&server, &user).await;
    let again = tokens(&server.auth, &user.username, on(&device)).await.device_token;
    tokens(&server.auth, &user.email.to_uppercase(), on(&again)).await;
    // That says nothing about the strangers.
    assert_eq!(wait(server.login(&user.username, PASSWORD).await), 60 * SECOND);
    server.clock.advance(60 * SECOND);
    tokens(&server.auth, &user.username, Origin::default()).await;
}

#[rstest]
#[tokio::test]
async fn a_devices_failures_count_for_it_alone(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let user = server.user(false).await;
    let device = tokens(&server.auth, &user.username, Origin::default()).await.device_token;
    server.clock.stop();
    for _ in 0..5 {
        let answer = login(&server.auth, &user.username, WRONG, on(&device)).await;
        assert_eq!(reason_of(answer), "INVALID_CREDENTIALS");
    }
    assert_eq!(wait(login(&server.auth, &user.username, PASSWORD, on(&device)).await), SECOND);
    tokens(&server.auth, &user.username, Origin::default()).await;
    // Logging in again does not make it another device.
    server.clock.advance(SECOND);
    let renewed = tokens(&server.auth, &user.username, on(&device)).await.device_token;
    for _ in 0..5 {
        let answer = login(&server.auth, &user.username, WRONG, on(&renewed)).await;
        assert_eq!(reason_of(answer), "INVALID_CREDENTIALS");
    }
    assert_eq!(wait(login(&server.auth, &user.username, PASSWORD, on(&device)).await), SECOND);
}

#[rstest]
#[tokio::test]
async fn a_token_of_another_user_an_invented_one_and_one_from_before_the_password_changed_are_none(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let (user, attacker) = (server.user(false).await, server.user(false).await);
    let old = tokens(&server.auth, &user.username, Origin::default()).await.device_token;
    let others = tokens(&server.auth, &attacker.username, Origin::default()).await.device_token;
    let version = "UPDATE users SET credential_version = credential_version + 1";
    server.database.run(version).await;
    burn(&server, &user).await;
    for token in ["", "x", &"A".repeat(75), &others, &old] {
        assert_eq!(
            wait(login(&server.auth, &user.username, PASSWORD, on(token)).await),
            60 * SECOND
        );
    }
}

#[rstest]
#[tokio::test]
async fn a_device_is_known_for_a_year(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let user = server.user(false).await;
    server.clock.stop();
    let device = tokens(&server.auth, &user.username, Origin::default()).await.device_token;
    server.clock.advance(Duration::from_secs(364 * 24 * 3600));
    burn(&server, &user).await;
    tokens(&server.auth, &user.username, on(&device)).await;
    server.clock.advance(Duration::from_secs(24 * 3600));
    assert_eq!(reason_of(server.login(&user.username, WRONG).await), "INVALID_CREDENTIALS");
    assert_eq!(wait(login(&server.auth, &user.username, PASSWORD, on(&device)).await), 60 * SECOND);
}
