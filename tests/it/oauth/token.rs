//! Tokens: what the answer has, for every client that reads it in its own way (RFC 6749, section 5.1).

use jsonwebtoken::Algorithm;
use rstest::rstest;
use serde_json::{Value, json};

use super::TOKEN;
use crate::harness::{
    Backend, Server, jwt,
    oauth::{
        Answer, basic, exchange, exchanged_token, machine, machine_for_users, machine_with, post,
        token,
    },
};

/// What holds for every answer with a token: no member is null, empty or of another type than clients read.
fn check(answer: &Answer, members: &[&str]) -> Value {
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.header("pragma"), "no-cache");
    let json = answer.json();
    let mut found: Vec<_> = json.as_object().unwrap().keys().map(String::as_str).collect();
    found.sort_unstable();
    assert_eq!(found, members, "{json}");
    assert_eq!(json["token_type"], "Bearer");
    assert!(json["expires_in"].as_u64().unwrap() > 0, "{json}");
    for (name, value) in json.as_object().unwrap() {
        assert!(value.is_u64() || value.as_str().is_some_and(|text| !text.is_empty()), "{name}");
    }
    json
}

#[rstest]
#[tokio::test]
async fn a_service_gets_a_token_that_says_what_it_is_granted(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let cart = machine(&server, "orders.read orders.write").await;
    let header = basic(&cart.id, &cart.key);
    let members = ["access_token", "expires_in", "scope", "token_type"];

    let json = check(&token(&server, &header, &[]).await, &members);
    assert_eq!(
        (&json["scope"], &json["expires_in"]),
        (&json!("orders.read orders.write"), &json!(900))
    );
    let jwt = json["access_token"].as_str().unwrap();
    let (head, claims) = jwt::verify(&server, jwt, Algorithm::ES256).await;
    assert_eq!((&head["typ"], &claims["sub"]), (&json!("at+jwt"), &json!(cart.id)));
    assert_eq!((&claims["client_id"], &claims["aud"]), (&json!(cart.id), &json!("countersign")));
    for user in ["sid", "amr", "roles", "preferred_username", "act"] {
        assert!(claims.get(user).is_none(), "{claims}");
    }

    let json = check(&token(&server, &header, &[("scope", "orders.read")]).await, &members);
    assert_eq!(jwt::claims(json["access_token"].as_str().unwrap())["scope"], "orders.read");
}

#[tokio::test]
async fn a_token_without_scopes_has_no_such_member() {
    let server = Server::start(Backend::Sqlite).await;
    let cart = machine(&server, "").await;
    let members = ["access_token", "expires_in", "token_type"];
    let answer = token(&server, &basic(&cart.id, &cart.key), &[("scope", "")]).await;
    let json = check(&answer, &members);
    assert!(jwt::claims(json["access_token"].as_str().unwrap()).get("scope").is_none());
}

/// Nimbus asks for text/html, others for all: nothing is refused for it.
#[tokio::test]
async fn the_answer_is_json_whatever_is_accepted() {
    let server = Server::start(Backend::Sqlite).await;
    let cart = machine(&server, "a").await;
    for accept in ["text/html", "application/xml;q=1", "*/*;q=0", "nonsense"] {
        let headers = format!("{}Accept: {accept}\r\n", basic(&cart.id, &cart.key));
        check(
            &token(&server, &headers, &[]).await,
            &["access_token", "expires_in", "scope", "token_type"],
        );
    }
}

#[tokio::test]
async fn scope_and_audience_are_limited_by_what_is_granted() {
    let server = Server::start(Backend::Sqlite).await;
    let cart = machine(&server, "a b").await;
    let other = machine_with(&server, "a", |request| {
        request.grants.audiences = vec!["other".to_owned()];
    })
    .await;
    let ask = async |machine: &_, form: &[_]| {
        let crate::harness::oauth::Machine { id, key, .. } = machine;
        token(&server, &basic(id, key), form).await
    };
    let long = "a".repeat(1100);
    for (machine, name, value, error) in [
        (&cart, "scope", "a c", "invalid_scope"),
        (&cart, "scope", "A", "invalid_scope"),
        (&cart, "scope", "a\u{7}", "invalid_scope"),
        (&cart, "scope", "\"a\"", "invalid_scope"),
        (&cart, "scope", &*long, "invalid_scope"),
        (&cart, "audience", "other", "invalid_target"),
        (&cart, "audience", "nowhere", "invalid_target"),
        (&cart, "resource", "other", "invalid_target"),
        (&other, "audience", "countersign", "invalid_target"),
    ] {
        let refused = ask(machine, &[(name, value)]).await;
        assert_eq!(refused.refused(), (400, error.to_owned()), "{name}={value}");
    }
    let jwt = ask(&other, &[("audience", "other"), ("resource", "other")]).await.token();
    assert_eq!(jwt::claims(&jwt)["aud"], "other");
    let differ = ask(&other, &[("audience", "other"), ("resource", "countersign")]).await;
    assert_eq!(differ.refused(), (400, "invalid_request".to_owned()));
}

#[rstest]
#[tokio::test]
async fn a_service_acts_for_a_user(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {
    let server = Server::start(backend).await;
    let cart = machine_for_users(&server, "a b").await;
    let user = server.user(false).await;
    let subject = server.session(&user).await.access_token;
    let members = ["access_token", "expires_in", "issued_token_type", "scope", "token_type"];
    let answer = exchanged_token(&server, &cart, &subject).await;
    let json = check(&answer, &members);
    assert_eq!(json["issued_token_type"], "urn:ietf:params:oauth:token-type:access_token");
    let exchanged = json["access_token"].as_str().unwrap();
    let claims = jwt::claims(exchanged);
    assert_eq!((&claims["sub"], &claims["act"]["sub"]), (&json!(user.id), &json!(cart.id)));
    assert!(claims["exp"].as_i64() <= jwt::claims(&subject)["exp"].as_i64());

    let header = basic(&cart.id, &cart.key);
    let service = token(&server, &header, &[]).await.token();
    for (subject, why) in [(exchanged, "exchanged"), (&*service, "a service's"), ("x", "unknown")] {
        let refused = exchanged_token(&server, &cart, subject).await;
        assert_eq!(refused.refused(), (400, "invalid_request".to_owned()), "{why}");
    }
    let without = machine(&server, "a b").await;
    let refused = exchanged_token(&server, &without, &subject).await;
    assert_eq!(refused.refused(), (400, "unauthorized_client".to_owned()));
}

#[tokio::test]
async fn an_exchange_is_of_access_tokens_and_never_wider() {
    let server = Server::start(Backend::Sqlite).await;
    let cart = machine_for_users(&server, "a").await;
    let subject = server.session(&server.user(false).await).await.access_token;
    let id_token = "urn:ietf:params:oauth:token-type:id_token";
    for (name, value, error) in [
        ("scope", "a b", "invalid_scope"),
        ("audience", "other", "invalid_target"),
        ("requested_token_type", id_token, "invalid_request"),
        (
            "requested_token_type",
            "urn:ietf:params:oauth:token-type:refresh_token",
            "invalid_request",
        ),
        ("actor_token", &subject, "invalid_request"),
    ] {
        let mut form = exchange(&subject).to_vec();
        form.push((name, value));
        let refused = post(&server, TOKEN, &basic(&cart.id, &cart.key), &form).await;
        assert_eq!(refused.refused(), (400, error.to_owned()), "{name}={value}");
    }
    for left_out in ["subject_token", "subject_token_type"] {
        let form: Vec<_> =
            exchange(&subject).into_iter().filter(|(name, _)| *name != left_out).collect();
        let refused = post(&server, TOKEN, &basic(&cart.id, &cart.key), &form).await;
        assert_eq!(refused.refused(), (400, "invalid_request".to_owned()), "without {left_out}");
    }
    let mut form = exchange(&subject);
    form[2].1 = id_token;
    let refused = post(&server, TOKEN, &basic(&cart.id, &cart.key), &form).await;
    assert_eq!(refused.refused(), (400, "invalid_request".to_owned()));
}
