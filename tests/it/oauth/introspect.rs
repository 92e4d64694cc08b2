//! Introspection (RFC 7662): for those with the permission, who learn no more than whether a token is active.

use countersign::pb::IntrospectTokenRequest;
use rstest::rstest;
use serde_json::json;

use super::{BASIC, INTROSPECT};
use crate::harness::{
    Backend, Server, jwt,
    oauth::{
        Machine, basic, bearer_header, exchanged_token, keeper, machine, machine_for_users,
        operator, post, service_token,
    },
};

/// All ways in which a service proves itself here.
fn ways(machine: &Machine, token: &str) -> [(String, Vec<(&'static str, String)>); 4] {
    let secret = vec![("client_id", machine.id.clone()), ("client_secret", machine.key.clone())];
    [
        (basic(&machine.id, &machine.key), vec![]),
        (bearer_header(&machine.key), vec![]),
        (bearer_header(token), vec![]),
        (String::new(), secret),
    ]
}

#[rstest]
#[tokio::test]
async fn a_service_that_may_introspect_learns_the_claims_of_active_tokens(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let gateway = machine(&server, "introspect").await;
    let cart = machine_for_users(&server, "").await;
    let user = server.session(&server.user(false).await).await;
    let own = service_token(&server, &gateway, "").await;
    let exchanged = exchanged_token(&server, &cart, &user.access_token).await.token();
    let (service, user) = (service_token(&server, &cart, "").await, user.access_token);
    for (headers, proof) in ways(&gateway, &own) {
        for token in [&user, &service, &exchanged] {
            let mut form = vec![("token", token.as_str()), ("token_type_hint", "access_token")];
            form.extend(proof.iter().map(|(name, value)| (*name, value.as_str())));
            let answer = post(&server, INTROSPECT, &headers, &form).await;
            assert_eq!((answer.status, answer.header("cache-control")), (200, "no-store"));
            let mut wanted = jwt::claims(token);
            wanted["active"] = json!(true);
            wanted["token_type"] = json!("Bearer");
            assert_eq!(answer.json(), wanted);
            assert!(wanted["exp"].is_i64() && wanted["iat"].is_i64() && wanted["sub"].is_string());
            // Spring makes an authority of an empty scope.
            assert_ne!(wanted["scope"], json!(""));
        }
    }
}

#[tokio::test]
async fn of_all_other_tokens_the_answer_says_only_that_they_are_not_active() {
    let server = Server::start(Backend::Sqlite).await;
    let gateway = machine(&server, "introspect").await;
    let user = server.session(&server.user(false).await).await;
    server.logout(&user.refresh_token).await.unwrap();
    let long = "x".repeat(20_000);
    for token in
        [&*user.access_token, &*user.refresh_token, &*gateway.key, "x", "a.b.c", &*long, "\u{0}"]
    {
        let header = basic(&gateway.id, &gateway.key);
        let answer = post(&server, INTROSPECT, &header, &[("token", token)]).await;
        assert_eq!((answer.status, answer.json()), (200, json!({ "active": false })), "{token}");
    }
    let answer = post(&server, INTROSPECT, &basic(&gateway.id, &gateway.key), &[]).await;
    assert_eq!(answer.refused(), (400, "invalid_request".to_owned()));
}

#[rstest]
#[tokio::test]
async fn without_the_permission_a_caller_learns_nothing(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let cart = machine_for_users(&server, "watch introspect.all xintrospect").await;
    let gateway = machine_for_users(&server, "introspect watch").await;
    let user = server.session(&server.user(false).await).await;
    let narrow = service_token(&server, &gateway, "watch").await;
    let exchanged = exchanged_token(&server, &gateway, &user.access_token).await.token();
    let form = [("token", &*user.access_token)];
    let challenge =
        "Bearer realm=\"countersign\", error=\"insufficient_scope\", scope=\"introspect\"";
    for (headers, challenge) in [
        (basic(&cart.id, &cart.key), ""),
        (bearer_header(&cart.key), challenge),
        (bearer_header(&service_token(&server, &cart, "").await), challenge),
        (bearer_header(&narrow), challenge),
        (bearer_header(&user.access_token), challenge),
        (bearer_header(&exchanged), challenge),
    ] {
        let answer = post(&server, INTROSPECT, &headers, &form).await;
        assert_eq!(answer.refused(), (403, "insufficient_scope".to_owned()), "{headers}");
        assert_eq!(answer.header("www-authenticate"), challenge, "{headers}");
    }
    let invalid = "Bearer realm=\"countersign\", error=\"invalid_token\"";
    for token in ["x", "a.b.c", "cskeyx", &*user.refresh_token, &gateway.key[..53]] {
        let answer = post(&server, INTROSPECT, &bearer_header(token), &form).await;
        assert_eq!(answer.refused(), (401, "invalid_token".to_owned()), "{token}");
        assert_eq!(answer.header("www-authenticate"), invalid);
    }
    let answer = post(&server, INTROSPECT, "", &form).await;
    assert_eq!(answer.refused(), (401, "invalid_client".to_owned()));
    assert_eq!(answer.header("www-authenticate"), BASIC);
    // gRPC asks for nothing while there is no policy: section 2.1 of the RFC holds for HTTP.
    let request = IntrospectTokenRequest { token: user.access_token.clone() };
    assert!(server.tokens.clone().introspect_token(request).await.unwrap().into_inner().active);
}

#[tokio::test]
async fn a_second_client_beside_the_one_with_the_permission_is_refused() {
    let server = Server::start(Backend::Sqlite).await;
    let (gateway, cart) = (machine(&server, "introspect").await, machine(&server, "").await);
    let own = service_token(&server, &gateway, "").await;
    for (headers, form) in [
        (format!("{}{}", bearer_header(&own), bearer_header(&own)), vec![]),
        (format!("{}{}", bearer_header(&own), basic(&gateway.id, &gateway.key)), vec![]),
        (format!("{}authorization: bearer x\r\n", basic(&gateway.id, &gateway.key)), vec![]),
        (bearer_header(&own), vec![("client_id", &cart.id)]),
        (bearer_header(&own), vec![("client_secret", &cart.key)]),
        (bearer_header(&own), vec![("client_assertion", &own)]),
        (
            basic(&cart.id, &cart.key),
            vec![("client_id", &gateway.id), ("client_secret", &gateway.key)],
        ),
    ] {
        let mut all = vec![("token", &*own)];
        all.extend(form.iter().map(|(name, value)| (*name, value.as_str())));
        let answer = post(&server, INTROSPECT, &headers, &all).await;
        assert_eq!(answer.refused(), (400, "invalid_request".to_owned()), "{headers}{form:?}");
    }
}

#[tokio::test]
async fn a_token_of_a_service_whose_tokens_were_ended_introspects_nothing() {
    let server = Server::start(Backend::Sqlite).await;
    let gateway = machine(&server, "introspect").await;
    let own = service_token(&server, &gateway, "").await;
    keeper(&server).await.end_tokens(&operator(), &gateway.name).await.unwrap();
    let answer = post(&server, INTROSPECT, &bearer_header(&own), &[("token", &own)]).await;
    assert_eq!(answer.refused(), (401, "invalid_token".to_owned()));
    let answer =
        post(&server, INTROSPECT, &basic(&gateway.id, &gateway.key), &[("token", &own)]).await;
    assert_eq!(answer.json(), json!({ "active": false }));
}
