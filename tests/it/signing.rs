//! Signing keys and algorithms.

use std::collections::HashSet;

use countersign::{
    app::{self, App, Environment},
    config::Signing,
    pb::{GetJwksRequest, login_response::Result as Outcome},
    token::{Algorithm, MasterKey, SigningKey},
};
use jsonwebtoken::{DecodingKey, Validation};
use rstest::rstest;
use serde_json::Value;

use crate::harness::{
    Backend, Database, Server,
    clock::TestClock,
    jwt,
    server::{PASSWORD, config},
};

async fn access_token(server: &Server) -> String {
    let user = server.user(false).await;
    match server.login(&user.username, PASSWORD).await.unwrap().result {
        Some(Outcome::Tokens(tokens)) => tokens.access_token,
        other => panic!("no tokens: {other:?}"),
    }
}

async fn kid(server: &Server) -> String {
    let jwks = server.tokens.clone().get_jwks(GetJwksRequest {}).await.unwrap().into_inner();
    jwks.keys[0].kid.clone()
}

#[rstest]
#[case(Algorithm::Es256, jsonwebtoken::Algorithm::ES256)]
#[case(Algorithm::EdDsa, jsonwebtoken::Algorithm::EdDSA)]
#[case(Algorithm::Rs256, jsonwebtoken::Algorithm::RS256)]
#[tokio::test]
async fn tokens_of_each_algorithm_verify_against_the_key_set(
    #[case] algorithm: Algorithm,
    #[case] expected: jsonwebtoken::Algorithm,
) {
    let server = Server::start_with(Backend::Sqlite, |config, _| {
        config.signing = Signing::Stored(algorithm)
    });
    let server = server.await;
    let (header, _) = jwt::verify(&server, &access_token(&server).await, expected).await;
    assert_eq!(header["alg"], algorithm.as_str());
}

#[tokio::test]
async fn hs256_tokens_verify_with_the_secret_which_is_not_published() {
    let secret = [7; 32];
    let server = Server::start_with(Backend::Sqlite, |config, _| {
        config.signing = Signing::Secret(SigningKey::from_secret(&secret));
    })
    .await;
    let jwks = server.tokens.clone().get_jwks(GetJwksRequest {}).await.unwrap().into_inner();
    assert_eq!((jwks.keys.len(), jwks.jwks_json.as_slice()), (0, br#"{"keys":[]}"#.as_slice()));
    let mut rules = Validation::new(jsonwebtoken::Algorithm::HS256);
    rules.set_audience(&["countersign"]);
    let token = access_token(&server).await;
    let key = DecodingKey::from_secret(&secret);
    assert!(jsonwebtoken::decode::<Value>(&token, &key, &rules).is_ok());
}

#[rstest]
#[tokio::test]
async fn replicas_that_start_at_once_agree_on_one_key(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let database = Database::new(backend).await;
    let config = config(&database);
    let starts = (0..4).map(|_| App::bind(&config, Environment::default()));
    let apps = futures_util::future::join_all(starts).await;
    assert!(apps.iter().all(Result::is_ok), "{apps:?}");
    assert_eq!(database.number("SELECT COUNT(*) FROM signing_keys").await, 1);
    drop(apps);

    // And so does the next start.
    let first =
        Server::start_on(database, &config, Environment::default(), TestClock::default()).await;
    let token = access_token(&first).await;
    let (header, _) = jwt::verify(&first, &token, jsonwebtoken::Algorithm::ES256).await;
    assert_eq!(header["kid"], kid(&first).await);
}

/// Also where one has made a key and lost: what it signs must verify against what the others publish.
#[rstest]
#[tokio::test]
async fn every_replica_signs_with_the_key_that_is_stored(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let database = Database::new(backend).await;
    let config = config(&database);
    let environment = Environment::default();
    let replicas = (0..8).map(|_| app::parts(&config, &environment));
    let replicas = futures_util::future::join_all(replicas).await;
    let published =
        replicas.iter().flat_map(|replica| replica.as_ref().unwrap().keys.jwks().keys.clone());
    let kids: HashSet<_> =
        published.map(|key| key.into_members()["kid"].as_str().unwrap().to_owned()).collect();
    assert_eq!(kids.len(), 1);
    let store = database.store().await;
    let stored = store.signing_keys().await.unwrap();
    assert!(kids.contains(&stored[0].id.to_string()));
}

#[rstest]
#[tokio::test]
async fn another_master_key_is_an_error_that_says_so(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let database = Database::new(backend).await;
    let mut config = config(&database);
    App::bind(&config, Environment::default()).await.unwrap();
    let other = MasterKey::parse(&MasterKey::generate_text()).unwrap();
    config.master_key = countersign::config::MasterKeySource::Given(Box::new(other));
    let error = App::bind(&config, Environment::default()).await.unwrap_err();
    let text = countersign::telemetry::chain(&error).to_string();
    assert!(text.contains("is this the master key it was stored under?"), "{text}");
}
