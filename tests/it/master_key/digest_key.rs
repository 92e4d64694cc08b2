//! The digest key: which one is stored, and when none is.

use std::sync::Arc;

use countersign::{
    app::{self, App, Environment},
    config::{Config, Signing},
    service::Clock,
    telemetry::chain,
    token::{MasterKey, SigningKey},
};
use rstest::rstest;

use super::{Keys, Service};
use crate::harness::{Backend, Database, clock::TestClock};

const WRONG: &str = "is this the master key it was stored under?";

async fn service(backend: Backend) -> Service {
    let (database, clock) = (Arc::new(Database::new(backend).await), TestClock::default());
    Service { database, clock }
}

/// Why a server does not start.
async fn refused(config: &Config) -> String {
    chain(&App::bind(config, Environment::default()).await.unwrap_err()).to_string()
}

async fn start(config: &Config) {
    drop(App::bind(config, Environment::default()).await.unwrap());
}

#[rstest]
#[tokio::test]
async fn replicas_that_start_at_once_store_one(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let (service, key) = (service(backend).await, MasterKey::generate_text());
    let config = service.config(Keys(&key, None));
    let starts = (0..4).map(|_| App::bind(&config, Environment::default()));
    let apps = futures_util::future::join_all(starts).await;
    assert!(apps.iter().all(Result::is_ok), "{apps:?}");
    assert_eq!(service.count("wrapped_keys").await, 1);
}

/// Nothing tells which of the two the digests follow from that an earlier release has made.
#[rstest]
#[tokio::test]
async fn the_first_start_is_refused_with_two_master_keys(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let service = service(backend).await;
    let [a, b] = [(); 2].map(|()| MasterKey::generate_text());
    let said = refused(&service.config(Keys(&b, Some(&a)))).await;
    assert!(said.contains("without COUNTERSIGN_MASTER_KEY_OLD"), "{said}");
    for table in ["wrapped_keys", "signing_keys"] {
        assert_eq!(service.count(table).await, 0, "{table}");
    }
}

/// Or the right key would be refused from then on.
#[rstest]
#[tokio::test]
async fn a_wrong_master_key_stores_nothing(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let service = service(backend).await;
    let [a, b] = [(); 2].map(|()| MasterKey::generate_text());
    let (right, wrong) = (service.config(Keys(&a, None)), service.config(Keys(&b, None)));
    start(&right).await;
    service.database.run("DELETE FROM wrapped_keys").await;
    assert!(refused(&wrong).await.contains(WRONG));
    // Neither of these opens the signing keys.
    let operator = app::operator(&wrong, &Clock::system()).await.unwrap_err();
    assert!(chain(&operator).to_string().contains(WRONG), "{operator}");
    let secret = Signing::Secret(SigningKey::from_secret(&[7; 32]));
    assert!(refused(&Config { signing: secret, ..wrong }).await.contains(WRONG));
    assert_eq!(service.count("wrapped_keys").await, 0);
    start(&right).await;
    assert_eq!(service.count("wrapped_keys").await, 1);
}

#[rstest]
#[tokio::test]
async fn an_old_key_that_is_taken_away_too_early_is_asked_for(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let service = service(backend).await;
    let [a, b] = [(); 2].map(|()| MasterKey::generate_text());
    start(&service.config(Keys(&a, None))).await;
    start(&service.config(Keys(&b, Some(&a)))).await;
    let secret = Signing::Secret(SigningKey::from_secret(&[7; 32]));
    let early = Config { signing: secret, ..service.config(Keys(&b, None)) };
    let said = refused(&early).await;
    assert!(said.contains(WRONG) && said.contains("COUNTERSIGN_MASTER_KEY_OLD"), "{said}");
}
