//! Reauthenticate by a passkey.

use std::time::Duration;

use countersign::pb::ReauthenticateRequest;
use rstest::rstest;
use serde_json::json;
use tonic::Code;

use super::{ask, begin, log_in, prove, recorded, registered};
use crate::harness::{
    Backend, Server, jwt, reason,
    server::{PASSWORD, bearer},
};

#[rstest]
#[tokio::test]
async fn a_passkey_raises_the_same_session(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    server.clock.stop();
    let (_, tokens, mut passkey) = registered(&server).await;
    server.clock.advance(Duration::from_secs(600));
    let options = ask(&server).await;
    let answer = passkey.get(&options);
    let raised = prove(&server, &tokens, &answer).await.unwrap();
    assert_eq!(
        (&raised.session_id, &raised.refresh_token),
        (&tokens.session_id, &tokens.refresh_token)
    );
    let (before, after) = (jwt::claims(&tokens.access_token), jwt::claims(&raised.access_token));
    let time = |claims: &serde_json::Value| claims["auth_time"].as_i64().unwrap();
    assert_eq!(time(&after), time(&before) + 600);
    assert_eq!((&after["amr"], &after["acr"]), (&json!(["pop", "mfa"]), &json!("phr")));
    assert_eq!(recorded(&server, "reauthenticated").await, 1);
    // Its challenge is used up, for logins as well.
    for refused in
        [prove(&server, &tokens, &answer).await, log_in(&server, &passkey.get(&options)).await]
    {
        assert_eq!(reason(&refused.unwrap_err()), "CHALLENGE_INVALID");
    }
}

#[rstest]
#[tokio::test]
async fn only_the_sessions_own_user_proves_it(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let (_, tokens, mut passkey) = registered(&server).await;
    let (_, _, mut others) = registered(&server).await;
    let refused = prove(&server, &tokens, &others.get(&ask(&server).await)).await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused).as_str()),
        (Code::PermissionDenied, "INVALID_CREDENTIALS")
    );
    let unverified = passkey.get_unverified(&ask(&server).await);
    assert_eq!(
        reason(&prove(&server, &tokens, &unverified).await.unwrap_err()),
        "INVALID_CREDENTIALS"
    );
    assert_eq!(recorded(&server, "confirmation_failed").await, 2);
    let of_registration = passkey.get(&begin(&server, &tokens, PASSWORD).await.unwrap());
    let refused = prove(&server, &tokens, &of_registration).await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused).as_str()),
        (Code::PermissionDenied, "CHALLENGE_INVALID")
    );
    server.logout(&tokens.refresh_token).await.unwrap();
    let ended = prove(&server, &tokens, &passkey.get(&ask(&server).await)).await.unwrap_err();
    assert_eq!(reason(&ended), "TOKEN_INVALID");
}

#[tokio::test]
async fn it_is_one_proof_or_the_other() {
    let server = Server::start(Backend::Sqlite).await;
    let (_, tokens, mut passkey) = registered(&server).await;
    let passkey_credential_json = passkey.get(&ask(&server).await);
    let both = ReauthenticateRequest { password: PASSWORD.to_owned(), passkey_credential_json };
    for request in [both, ReauthenticateRequest::default()] {
        let refused =
            server.auth.clone().reauthenticate(bearer(&tokens, request)).await.unwrap_err();
        assert_eq!(reason(&refused), "INVALID_FIELD");
    }
}
