//! IntrospectToken.

use std::time::Duration;

use countersign::{
    domain::Actor,
    pb::{IntrospectTokenRequest, IntrospectTokenResponse, Tokens},
    store::Revoking,
};
use rstest::rstest;
use tonic::{Code, Status};
use uuid::Uuid;

use crate::harness::{Backend, Server, eventually, jwt, reason, soon};

async fn introspect(server: &Server, token: &str) -> Result<IntrospectTokenResponse, Status> {
    let request = IntrospectTokenRequest { token: token.to_owned() };
    let response = soon("IntrospectToken", server.tokens.clone().introspect_token(request)).await?;
    Ok(response.into_inner())
}

/// Nothing is said of a token that is not active, not even why.
async fn is_active(server: &Server, token: &str) -> bool {
    let response = introspect(server, token).await.unwrap();
    assert_eq!(response.active, response.claims.is_some());
    response.active
}

async fn tokens(server: &Server) -> Tokens {
    let user = server.user(false).await;
    server.session(&user).await
}

#[rstest]
#[tokio::test]
async fn an_active_token_is_told_with_all_its_claims(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let token = tokens(&server).await.access_token;
    let response = introspect(&server, &token).await.unwrap();
    let (claims, said) = (jwt::claims(&token), response.claims.unwrap());
    assert!(response.active);
    for (name, value) in [
        ("iss", &said.iss),
        ("sub", &said.sub),
        ("aud", &said.aud),
        ("jti", &said.jti),
        ("client_id", &said.client_id),
        ("sid", &said.sid),
        ("preferred_username", &said.preferred_username),
        ("acr", &said.acr),
    ] {
        assert_eq!(claims[name], *value, "{name}");
    }
    for (name, value) in [("exp", said.exp), ("iat", said.iat), ("auth_time", said.auth_time)] {
        assert_eq!(claims[name], value, "{name}");
    }
    assert_eq!(claims["amr"], serde_json::json!(said.amr));
    // Not in the token where there are none.
    assert!(claims.get("roles").is_none() && said.roles.is_empty());
    assert_eq!(claims.as_object().unwrap().len(), 12, "a claim that is not compared: {claims}");
}

#[rstest]
#[tokio::test]
async fn whatever_is_no_access_token_of_ours_is_inactive_and_no_error(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let with_second_factor = server.user(true).await;
    let challenge = server.challenge(&with_second_factor).await.challenge_id;
    let Tokens { access_token, refresh_token, .. } = tokens(&server).await;
    let elsewhere = tokens(&Server::start(backend).await).await.access_token;
    let (unsigned, signature) = access_token.rsplit_once('.').unwrap();
    let forged = format!("{unsigned}.{}", signature.chars().rev().collect::<String>());
    for token in ["", "x", "a.b.c", &challenge, &refresh_token, &elsewhere, &forged, unsigned] {
        assert!(!is_active(&server, token).await, "{token}");
    }
    assert!(is_active(&server, &access_token).await);
}

#[rstest]
#[tokio::test]
async fn a_token_is_active_until_it_expires(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let token = tokens(&server).await.access_token;
    server.clock.advance(Duration::from_secs(890));
    assert!(is_active(&server, &token).await);
    server.clock.advance(Duration::from_secs(10));
    assert!(!is_active(&server, &token).await);
}

#[rstest]
#[tokio::test]
async fn a_token_for_an_audience_that_is_not_configured_is_inactive(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let token = tokens(&server).await.access_token;
    // On the same database, with the same keys.
    let other = server.replica(|config, _| config.policy.audiences = vec!["other".into()]).await;
    assert!(is_active(&server, &token).await);
    assert!(!is_active(&other, &token).await);
}

#[rstest]
#[tokio::test]
async fn a_session_that_has_ended_elsewhere_soon_makes_it_inactive(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let user = server.user(false).await;
    let (ended, lives) = (server.session(&user).await, server.session(&user).await);
    let store = server.database.store().await;
    let now = server.clock.now();
    let revoking = Revoking {
        now,
        tokens_expire_at: now.plus(Duration::from_secs(900)),
        actor: Actor::Nobody,
        address: None,
        carried_out: None,
    };
    let [session, user] = [&ended.session_id, &user.id].map(|id| Uuid::parse_str(id).unwrap());
    assert!(store.session_revoke(session, user, revoking).await.unwrap());
    eventually("the end", async || !is_active(&server, &ended.access_token).await).await;
    assert!(is_active(&server, &lives.access_token).await, "another session");
}

/// By hand, past the log: only the database knows, which is asked about a token that is older than what the replica has
/// read of the log.
#[rstest]
#[case::disabled("UPDATE users SET disabled_at = created_at")]
#[case::deleted("DELETE FROM users")]
#[case::changed_credentials("UPDATE users SET credential_version = 2")]
#[case::deleted_session("DELETE FROM sessions")]
#[tokio::test]
async fn a_user_who_may_not_log_in_any_more_has_no_active_token(
    #[case] change: &str,
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let token = tokens(&server).await.access_token;
    server.database.run(change).await;
    let replica = server.replica(|_, _| {}).await;
    assert!(!is_active(&replica, &token).await);
}

#[tokio::test]
async fn without_its_store_nothing_is_said_of_a_token() {
    let server = Server::start(Backend::Postgres).await;
    let token = tokens(&server).await.access_token;
    server.database.set_away(true).await;
    // From when the log was read too long ago.
    eventually("a refusal", async || introspect(&server, &token).await.is_err()).await;
    let refused = introspect(&server, &token).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused)), (Code::Unavailable, "STORE_UNAVAILABLE".into()));
    // What is no token of ours needs no store.
    assert!(!is_active(&server, "garbage").await);
    server.database.set_away(false).await;
    let answers = async || introspect(&server, &token).await.is_ok_and(|answer| answer.active);
    eventually("the database", answers).await;
}

#[rstest]
#[tokio::test]
async fn no_token_is_active_that_differs_in_a_character(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let token = tokens(&server).await.access_token;
    assert!(is_active(&server, &token).await);
    assert!(token.len() > 200, "as many changes");
    for place in 0..token.len() {
        let mut changed = token.clone().into_bytes();
        changed[place] = if changed[place] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(changed).unwrap();
        assert!(!is_active(&server, &changed).await, "character {place}");
        assert!(!is_active(&server, &token[..place]).await, "prefix of {place}");
    }
}
