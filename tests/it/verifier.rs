//! `countersign-verify`, the crate with which other services verify tokens, against the real server.

use std::{net::SocketAddr, time::Duration};

use countersign::{
    config::Signing,
    pb::{Tokens, login_response::Result as Outcome},
    token::{Algorithm, SigningKey},
};
use countersign_verify::{Settings, SharedSecret, Verifier, VerifyError};
use rstest::rstest;
use tonic::transport::Channel;

use crate::harness::{Backend, Server, server::PASSWORD, soon};

/// A verifier of that server, as a service with that audience has it.
async fn verifier(grpc: SocketAddr, settings: Settings) -> Verifier {
    let channel = Channel::from_shared(format!("http://{grpc}")).unwrap().connect_lazy();
    let connecting = Verifier::connect(channel, settings, Duration::from_secs(20));
    soon("connecting the verifier", connecting).await.unwrap()
}

fn settings(audience: &str) -> Settings {
    Settings::new("http://localhost:8080", audience)
}

/// The user's id, and what a login gives.
async fn login(server: &Server) -> (String, Tokens) {
    let user = server.user(false).await;
    match server.login(&user.username, PASSWORD).await.unwrap().result {
        Some(Outcome::Tokens(tokens)) => (user.id, tokens),
        other => panic!("no tokens: {other:?}"),
    }
}

#[rstest]
#[tokio::test]
async fn the_token_of_a_login_verifies_for_its_audience_alone(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let (user_id, tokens) = login(&server).await;
    let ours = verifier(server.grpc, settings("countersign")).await;
    let claims = ours.verify(&tokens.access_token).await.unwrap();
    assert_eq!(claims.sub.to_string(), user_id);
    assert_eq!(claims.sid.to_string(), tokens.session_id);
    let others = verifier(server.grpc, settings("other")).await;
    assert_eq!(others.verify(&tokens.access_token).await, Err(VerifyError::Invalid));
}

#[rstest]
#[case(Algorithm::EdDsa)]
#[case(Algorithm::Rs256)]
#[tokio::test]
async fn tokens_of_other_published_algorithms_verify_too(#[case] algorithm: Algorithm) {
    let server = Server::start_with(Backend::Sqlite, |config, _| {
        config.signing = Signing::Stored(algorithm);
    });
    let server = server.await;
    let verifier = verifier(server.grpc, settings("countersign")).await;
    assert!(verifier.verify(&login(&server).await.1.access_token).await.is_ok());
}

#[tokio::test]
async fn hs256_tokens_verify_where_the_secret_is_known() {
    let secret = [7; 32];
    let server = Server::start_with(Backend::Sqlite, |config, _| {
        config.signing = Signing::Secret(SigningKey::from_secret(&secret));
    });
    let server = server.await;
    let token = login(&server).await.1.access_token;
    let mut with_secret = settings("countersign");
    with_secret.shared_secret = Some(SharedSecret::parse(&secret).unwrap());
    assert!(verifier(server.grpc, with_secret).await.verify(&token).await.is_ok());
    let without = verifier(server.grpc, settings("countersign")).await;
    assert_eq!(without.verify(&token).await, Err(VerifyError::Invalid));
}
