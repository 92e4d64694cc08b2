//! What the token of a service says: no more than its account is granted, and nothing of users.

use std::time::Duration;

use countersign::{
    domain::{Grants, Scope},
    pb::IssueServiceTokenRequest,
    service::AccountRequest,
};
use jsonwebtoken::Algorithm;
use rstest::rstest;
use rstest_reuse::apply;
use serde_json::{Value, json};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use super::{Setting, by_key, wanting};
use crate::harness::{Backend, jwt, on_both, reason, violations};

/// What is not granted, by the error.
pub(super) fn not_granted(status: &Status) -> String {
    assert_eq!((status.code(), &*reason(status)), (Code::PermissionDenied, "NOT_GRANTED"));
    status.get_details_error_info().unwrap().metadata["not_granted"].clone()
}

#[apply(on_both)]
#[tokio::test]
async fn a_key_gets_a_token_that_says_whose_it_is_and_nothing_of_users(backend: Backend) {
    let setting = Setting::start(backend).await;
    setting.server.clock.stop();
    let service = setting.service("orders.read orders.write").await;
    let issued = setting.issue(by_key(&service.key)).await.unwrap();
    assert_eq!((issued.token_type.as_str(), issued.expires_in), ("Bearer", 900));
    assert_eq!(issued.scope, "orders.read orders.write");
    let token = &issued.access_token;
    let (header, claims) = jwt::verify(&setting.server, token, Algorithm::ES256).await;
    assert_eq!(header["typ"], "at+jwt");
    let now = setting.server.clock.now().unix_seconds();
    assert_eq!(issued.expire_time.map(|at| at.seconds), claims["exp"].as_i64());
    let (id, jti) = (service.id.to_string(), claims["jti"].clone());
    let expected = json!({
        "iss": "http://localhost:8080", "sub": id, "client_id": id, "aud": "countersign", "jti": jti,
        "exp": now + 900, "iat": now - 5, "scope": "orders.read orders.write",
    });
    assert_eq!(claims, expected);
    let said = setting.claims(token).await.unwrap();
    assert_eq!((&said.sub, &said.client_id, &said.scope), (&id, &id, &issued.scope));
    assert_eq!(said.jti, jti.as_str().unwrap());
    let of_users = (said.sid, said.amr, said.preferred_username, said.roles, said.act);
    assert_eq!(of_users, (String::new(), Vec::new(), String::new(), Vec::new(), None));
    setting.later(Duration::from_secs(900));
    assert!(!setting.is_active(token).await);
    let bare = setting.service("").await;
    let claims = jwt::claims(&setting.token(&bare).await);
    assert_eq!(claims.get("scope"), None, "not an empty one");
}

#[apply(on_both)]
#[tokio::test]
async fn scopes_and_audiences_are_limited_by_the_grants(backend: Backend) {
    let setting = Setting::start(backend).await;
    let scope = Scope::parse("orders.read orders.write").unwrap();
    let audiences = vec!["other".to_owned()];
    let grants = Grants { scope, audiences, may_exchange: false };
    let service = setting.create(AccountRequest { grants, ..wanting("") }).await;
    let ask = async |scope: &str, audience: &str| {
        let (scope, audience) = (scope.to_owned(), audience.to_owned());
        let request = IssueServiceTokenRequest { scope, audience, ..by_key(&service.key) };
        let issued = setting.issue(request).await?;
        let claims = jwt::claims(&issued.access_token);
        assert_eq!(claims["scope"], Value::String(issued.scope));
        Ok::<_, Status>((claims["scope"].clone(), claims["aud"].clone()))
    };
    for (scope, audience, given) in [
        ("", "", "orders.read orders.write"),
        ("  ", "other", "orders.read orders.write"),
        ("orders.write", "", "orders.write"),
        ("orders.write orders.write  orders.read", "", "orders.write orders.read"),
    ] {
        assert_eq!(ask(scope, audience).await.unwrap(), (json!(given), json!("other")));
    }
    for scope in [
        "orders",
        "orders.",
        "orders.read admin",
        "ORDERS.READ",
        "orders.*",
        "*",
        "orders.read,admin",
    ] {
        assert_eq!(not_granted(&ask(scope, "").await.unwrap_err()), "scope", "{scope}");
    }
    let long = "orders.read ".repeat(100);
    for scope in
        ["orders.read\tadmin", "orders.read\u{a0}admin", "a\nb", "\"", "orders.read\0", &long]
    {
        let refused = ask(scope, "").await.unwrap_err();
        assert_eq!(
            (&*reason(&refused), violations(&refused)),
            ("INVALID_FIELD", vec!["scope".into()])
        );
    }
    for audience in ["countersign", "else", "Other", "other "] {
        assert_eq!(not_granted(&ask("", audience).await.unwrap_err()), "audience", "{audience}");
    }
}

/// Where an account is granted no audience by name, it has the server's first.
#[tokio::test]
async fn without_a_granted_audience_it_is_the_servers_first() {
    let setting = Setting::start(Backend::Sqlite).await;
    let service = setting.service("").await;
    let ask = async |audience: &str| {
        let audience = audience.to_owned();
        setting.issue(IssueServiceTokenRequest { audience, ..by_key(&service.key) }).await
    };
    let issued = ask("countersign").await.unwrap();
    assert_eq!(jwt::claims(&issued.access_token)["aud"], "countersign");
    assert_eq!(not_granted(&ask("other").await.unwrap_err()), "audience");
}

#[tokio::test]
async fn a_client_id_must_be_that_of_the_proof() {
    let setting = Setting::start(Backend::Sqlite).await;
    let (service, other) = (setting.service("").await, setting.service("").await);
    let ask = async |client_id: String| {
        setting.issue(IssueServiceTokenRequest { client_id, ..by_key(&service.key) }).await
    };
    ask(service.id.to_string()).await.unwrap();
    let (dashes, upper) = (service.id.0.to_string(), service.id.to_string().to_uppercase());
    for client_id in [other.id.to_string(), dashes, upper, service.name.clone(), "x".into()] {
        let refused = ask(client_id).await.unwrap_err();
        assert_eq!(
            (refused.code(), &*reason(&refused)),
            (Code::Unauthenticated, "INVALID_CREDENTIALS")
        );
    }
}
