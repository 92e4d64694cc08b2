//! Token exchange (RFC 8693): what a service may say in a user's name.

use std::time::Duration;

use countersign::{
    domain::{Actor, EventKind, Grants, Scope},
    pb::{ExchangeTokenRequest, LoginRequest, Tokens, User, login_response::Result as Outcome},
    service::AccountRequest,
};
use jsonwebtoken::Algorithm;
use rstest::rstest;
use rstest_reuse::apply;
use serde_json::{Value, json};
use tonic::{Code, Status};
use uuid::Uuid;

use super::{Setting, for_user, tokens::not_granted, wanting};
use crate::{
    access::assert_refused,
    events::events,
    harness::{Backend, jwt, on_both, reason, server::PASSWORD},
};

/// A user with roles, who has logged in.
async fn user(setting: &Setting) -> (User, Tokens) {
    let user = setting.server.user(false).await;
    setting.server.database.run("UPDATE users SET roles = 'admin auditor'").await;
    let tokens = setting.server.session(&user).await;
    (user, tokens)
}

fn subject_refused(refused: &Status) {
    let expected = (Code::FailedPrecondition, "SUBJECT_TOKEN_INVALID");
    assert_eq!((refused.code(), &*reason(refused)), expected);
}

#[apply(on_both)]
#[tokio::test]
async fn the_token_is_the_users_and_names_the_service_and_the_exchange_is_on_record(
    backend: Backend,
) {
    let setting = Setting::start(backend).await;
    setting.server.clock.stop();
    let (service, (user, own)) = (setting.service("a b").await, user(&setting).await);
    let before = events(&setting.server.database).await.len();
    let request =
        ExchangeTokenRequest { scope: "b".into(), ..for_user(&service, &own.access_token) };
    let exchanged = setting.exchange(request).await.unwrap();
    assert_eq!((exchanged.token_type.as_str(), exchanged.scope.as_str()), ("Bearer", "b"));
    let token = exchanged.access_token;
    let (header, claims) = jwt::verify(&setting.server, &token, Algorithm::ES256).await;
    assert_eq!(header["typ"], "at+jwt");
    let (id, mut expected) = (service.id.to_string(), jwt::claims(&own.access_token));
    assert_ne!(claims["jti"], expected["jti"]);
    for (name, value) in [
        ("jti", claims["jti"].clone()),
        ("client_id", json!(id)),
        ("scope", json!("b")),
        ("act", json!({ "sub": id })),
    ] {
        expected[name] = value;
    }
    assert_eq!(claims, expected, "all else is the user's");
    let said = setting.claims(&token).await.unwrap();
    assert_eq!((said.sub, said.sid), (user.id.clone(), own.session_id.clone()));
    assert_eq!((said.act.unwrap().sub, said.scope.as_str()), (id, "b"));
    assert_eq!(said.roles, ["admin", "auditor"]);
    // It changes nothing of the user's account, by no method.
    assert_refused(&setting.server, &[&format!("Bearer {token}")]).await;
    let all = events(&setting.server.database).await;
    let [event] = &all[before..] else { panic!("{all:?}") };
    assert_eq!(
        (event.kind, event.actor.clone()),
        (EventKind::TokenExchanged, Some(Actor::Service(service.id)))
    );
    let [user_id, session_id] = [&user.id, &own.session_id].map(|id| Uuid::parse_str(id).ok());
    assert_eq!((event.user_id, event.session_id), (user_id, session_id));
    assert_eq!(
        (event.at, event.address),
        (setting.server.clock.now(), Some([127, 0, 0, 1].into()))
    );
}

#[apply(on_both)]
#[tokio::test]
async fn it_is_never_wider_than_the_grants(backend: Backend) {
    let setting = Setting::start(backend).await;
    let own = user(&setting).await.1.access_token;
    let scope = Scope::parse("a b").unwrap();
    let grants = Grants { scope, audiences: vec!["other".into()], may_exchange: true };
    let service = setting.create(AccountRequest { grants: grants.clone(), ..wanting("") }).await;
    let ask = async |scope: &str, audience: &str| {
        let (scope, audience) = (scope.to_owned(), audience.to_owned());
        let request = ExchangeTokenRequest { scope, audience, ..for_user(&service, &own) };
        let claims = jwt::claims(&setting.exchange(request).await?.access_token);
        Ok::<_, Status>((claims["aud"].clone(), claims["scope"].clone()))
    };
    for (scope, audience, given) in [("", "", "a b"), ("b", "other", "b")] {
        assert_eq!(ask(scope, audience).await.unwrap(), (json!("other"), json!(given)));
    }
    for scope in ["c", "a c", "admin", "A"] {
        assert_eq!(not_granted(&ask(scope, "").await.unwrap_err()), "scope");
    }
    // The audience of the user's token is no grant.
    for audience in ["countersign", "else"] {
        assert_eq!(not_granted(&ask("", audience).await.unwrap_err()), "audience");
    }
    let grants = Grants { may_exchange: false, ..grants };
    let other = setting.create(AccountRequest { grants, ..wanting("") }).await;
    let refused = setting.exchange(for_user(&other, &own)).await.unwrap_err();
    assert_eq!(not_granted(&refused), "exchange");
    let bare = setting.service("").await;
    let claims = jwt::claims(&setting.exchanged(&bare, &own).await);
    assert_eq!((claims.get("scope"), &claims["aud"]), (None, &json!("countersign")));
}

/// And a key that is not valid learns nothing about the user's token.
#[apply(on_both)]
#[tokio::test]
async fn only_a_users_own_token_that_is_valid_is_exchanged(backend: Backend) {
    let setting = Setting::start(backend).await;
    let (service, other) = (setting.service("a").await, setting.service("a").await);
    let (user, own) = user(&setting).await;
    let ended = setting.server.session(&user).await;
    setting.server.logout(&ended.refresh_token).await.unwrap();
    let exchanged = setting.exchanged(&service, &own.access_token).await;
    for (what, token) in [
        ("an exchanged one", exchanged),
        ("of a service", setting.token(&service).await),
        ("of an ended session", ended.access_token),
        ("a refresh token", own.refresh_token.clone()),
        ("a key", other.key.clone()),
        ("a part of one", own.access_token[..own.access_token.len() - 2].to_owned()),
        ("nothing", String::new()),
    ] {
        for service in [&service, &other] {
            let refused = setting.exchange(for_user(service, &token)).await;
            let refused = refused.map(|_| what).unwrap_err();
            subject_refused(&refused);
        }
    }
    let mistyped = super::Service { key: service.key[..53].to_owned(), ..service.clone() };
    for token in ["", &own.access_token] {
        let refused = setting.exchange(for_user(&mistyped, token)).await.unwrap_err();
        assert_eq!(
            (refused.code(), &*reason(&refused)),
            (Code::Unauthenticated, "INVALID_CREDENTIALS")
        );
    }
    // One for another of our audiences is exchanged: the services there call others in turn.
    let (username, audience) = (user.username.clone(), "other".to_owned());
    let login =
        LoginRequest { username, password: PASSWORD.into(), audience, ..Default::default() };
    let answer = setting.server.auth.clone().login(login).await.unwrap().into_inner();
    let Some(Outcome::Tokens(tokens)) = answer.result else { panic!("{answer:?}") };
    let claims = jwt::claims(&setting.exchanged(&service, &tokens.access_token).await);
    assert_eq!(claims["aud"], Value::from("countersign"));
}

#[apply(on_both)]
#[tokio::test]
async fn it_does_not_outlive_the_users_token(backend: Backend) {
    let setting = Setting::start(backend).await;
    setting.server.clock.stop();
    let (service, (_, own)) = (setting.service("a").await, user(&setting).await);
    let expiry = jwt::claims(&own.access_token)["exp"].as_i64().unwrap();
    setting.later(Duration::from_secs(899));
    let request = for_user(&service, &own.access_token);
    let exchanged = setting.exchange(request.clone()).await.unwrap();
    assert_eq!(
        (exchanged.expires_in, jwt::claims(&exchanged.access_token)["exp"].as_i64()),
        (1, Some(expiry))
    );
    assert_eq!(exchanged.expire_time.map(|at| at.seconds), Some(expiry));
    assert!(setting.is_active(&exchanged.access_token).await);
    setting.later(Duration::from_secs(1));
    assert!(!setting.is_active(&exchanged.access_token).await);
    subject_refused(&setting.exchange(request).await.unwrap_err());
    // Renewing the session does not renew it.
    let next = setting.server.refresh(&own.refresh_token, "").await.unwrap();
    assert!(setting.is_active(&next.access_token).await);
    assert!(!setting.is_active(&exchanged.access_token).await);
}

/// Time goes by between the check of the user's token and the issue of the other one (race).
#[apply(on_both)]
#[tokio::test]
async fn no_token_is_issued_that_has_expired_meanwhile(backend: Backend) {
    let setting = Setting::start(backend).await;
    setting.server.clock.stop();
    let service = setting.service("a").await;
    for _ in 0..20 {
        let (_, own) = user(&setting).await;
        setting.later(Duration::from_secs(898));
        setting.server.clock.step(Duration::from_millis(200));
        let refused = loop {
            match setting.exchange(for_user(&service, &own.access_token)).await {
                Ok(issued) => assert!(issued.expires_in > 0, "it has no life left"),
                Err(refused) => break refused,
            }
        };
        subject_refused(&refused);
        setting.server.clock.step(Duration::ZERO);
    }
}
