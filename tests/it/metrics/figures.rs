//! What else is measured: the database, the keys, the revocations, readiness.

use std::time::Duration;

use countersign::{config::Signing, token::SigningKey};
use rstest::rstest;

use super::{Scrape, reaches};
use crate::harness::{Backend, Server, server::PASSWORD};

const READY: &str = "countersign_ready";
const LAG: &str = "countersign_revocations_lag_seconds";
const KEY_AGE: &str = "countersign_signing_key_age_seconds";
const WAITS: &str = "countersign_database_wait_seconds_count";

#[tokio::test]
async fn readiness_is_that_of_each_service_as_health_says() {
    let server = Server::start(Backend::Postgres).await;
    let services = ["AccountService", "AdminService", "AuthService", "TokenService"];
    let names = services.map(|service| format!("auth.v1.{service}"));
    for name in &names {
        reaches(&server, READY, &[("service", name)], |ready| ready == 1.0).await;
    }
    server.database.set_away(true).await;
    for name in &names[..3] {
        reaches(&server, READY, &[("service", name)], |ready| ready == 0.0).await;
    }
    // It has the keys.
    reaches(&server, READY, &[("service", &names[3])], |ready| ready == 1.0).await;
}

#[tokio::test]
async fn the_lag_of_revocations_is_the_time_since_they_were_last_read() {
    let server = Server::start(Backend::Postgres).await;
    reaches(&server, LAG, &[], |lag| lag < 0.2).await;
    server.database.set_away(true).await;
    reaches(&server, LAG, &[], |lag| lag > 0.4).await;
    server.database.set_away(false).await;
    reaches(&server, LAG, &[], |lag| lag < 0.2).await;
}

#[tokio::test]
async fn the_age_of_the_key_that_signs_is_told_unless_it_is_a_configured_secret() {
    let server = Server::start(Backend::Sqlite).await;
    let age = async || Scrape::of(&server).await.value(KEY_AGE, &[("algorithm", "ES256")]);
    assert!(age().await.unwrap() < 60.0);
    server.clock.advance(Duration::from_secs(3600));
    assert!((3600.0..3660.0).contains(&age().await.unwrap()));

    let server = Server::start_with(Backend::Sqlite, |config, _| {
        config.signing = Signing::Secret(SigningKey::from_secret(&[7; 32]));
    })
    .await;
    assert_eq!(Scrape::of(&server).await.value(KEY_AGE, &[]), None);
}

#[rstest]
#[tokio::test]
async fn reads_and_writes_count_how_long_they_wait_for_the_database(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let user = server.user(false).await;
    let waits = async || Scrape::of(&server).await.value(WAITS, &[]).unwrap();
    let before = waits().await;
    server.login(&user.username, PASSWORD).await.unwrap();
    // It reads, and writes.
    assert!(waits().await >= before + 2.0);
}
