//! Assertions that a service signs by a key of its own (private_key_jwt, RFC 7523).

use countersign::{
    domain::{AssertionKeys, ServiceAccountId},
    service::{AccountAssertion, AssertionError, Assertions},
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{AUDIENCE, Verifier};
use crate::harness::{
    key_server::{Answer, KeyServer},
    signer::Signer,
};

const ACCOUNT: ServiceAccountId = ServiceAccountId(Uuid::from_u128(0x7e1d));

struct Service {
    server: KeyServer,
    verifier: Verifier,
    signer: Signer,
    keys: AssertionKeys,
}

impl Service {
    /// With its public key in the account.
    async fn start() -> Self {
        let server = KeyServer::start().await;
        let (verifier, signer) = (Verifier::of(&server, ""), Signer::new("a"));
        let keys = AssertionKeys { jwks: Some(signer.jwks().to_string()), jwks_url: None };
        Self { server, verifier, signer, keys }
    }

    fn claims(&self) -> Value {
        self.verifier.claims(&ACCOUNT.to_string(), &ACCOUNT.to_string())
    }

    async fn verify(&self, jwt: &str) -> Result<AccountAssertion, AssertionError> {
        self.verifier.assertions.of_account(jwt, ACCOUNT, &self.keys).await
    }

    async fn refused(&self, name: &str, value: Value) -> String {
        let mut claims = self.claims();
        claims[name] = value;
        self.verify(&self.signer.sign(&claims)).await.unwrap_err().to_string()
    }
}

#[tokio::test]
async fn an_assertion_of_an_hour_is_taken_and_says_until_when_it_must_be_remembered() {
    let service = Service::start().await;
    let jwt = service.signer.sign(&service.claims());
    assert_eq!(Assertions::claimed_account(&jwt), Some(ACCOUNT));
    let verified = service.verify(&jwt).await.unwrap();
    assert_eq!(verified.jti, "one");
    let now = service.verifier.clock.now().unix_seconds();
    assert_eq!(verified.expires_at.unix_seconds(), now + 3600 + 60);
}

#[tokio::test]
async fn what_another_wrote_or_what_is_not_for_us_proves_nothing() {
    let service = Service::start().await;
    let now = service.verifier.clock.now().unix_seconds();
    let id = ACCOUNT.to_string();
    for (name, value, why) in [
        ("iss", json!("00000000000000000000000000000000"), format!("iss must be {id}")),
        ("iss", Value::Null, format!("iss must be {id}")),
        ("sub", json!("00000000000000000000000000000000"), format!("sub must be {id}")),
        ("sub", Value::Null, format!("sub must be {id}")),
        ("aud", json!("https://other.example"), format!("aud must name {AUDIENCE}")),
        ("aud", Value::Null, format!("aud must name {AUDIENCE}")),
        ("exp", json!(now + 31_536_000), "may be 3600 s at the most".to_owned()),
        ("exp", json!(now - 60), "has expired".to_owned()),
        ("jti", Value::Null, "the claim jti is missing".to_owned()),
        ("jti", json!(""), "the claim jti is missing".to_owned()),
    ] {
        let refused = service.refused(name, value.clone()).await;
        assert!(refused.contains(&why), "{name} {value}: {refused}");
    }
    let forged = Signer::new("a").sign(&service.claims());
    assert!(service.verify(&forged).await.unwrap_err().to_string().contains("signature"));
    let access_token = service.signer.sign_as(Some("at+jwt"), &service.claims());
    assert!(service.verify(&access_token).await.unwrap_err().to_string().contains("typ"));
    let other =
        Assertions::claimed_account(&service.signer.sign(&json!({"iss": "https://a.example"})));
    assert_eq!(other, None);
}

#[tokio::test]
async fn the_keys_may_be_at_a_url_and_are_rotated_there() {
    let mut service = Service::start().await;
    let url = service.server.url("/keys");
    service.keys = AssertionKeys { jwks: None, jwks_url: Some(url) };
    service.server.answer("/keys", Answer::json(&service.signer.jwks()));
    let jwt = service.signer.sign(&service.claims());
    service.verify(&jwt).await.unwrap();
    let next = Signer::new("b");
    service.server.answer("/keys", Answer::json(&next.jwks()));
    service.verify(&next.sign(&service.claims())).await.unwrap();
    assert!(service.verify(&jwt).await.is_err(), "the key was withdrawn");
    assert_eq!(service.server.calls().len(), 2);
}

#[tokio::test]
async fn an_account_without_keys_has_no_assertions() {
    let mut service = Service::start().await;
    service.keys = AssertionKeys::default();
    let jwt = service.signer.sign(&service.claims());
    assert_eq!(service.verify(&jwt).await, Err(AssertionError::NoKeys));
}
