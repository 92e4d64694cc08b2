//! Assertions that a service signs by a key of its own: each proves its account once.

use std::time::Duration;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD as BASE64};
use countersign::{
    domain::AssertionKeys,
    service::{AccountRequest, end_what_was_revived},
};
use futures_util::future::join_all;
use jsonwebtoken::{Algorithm, EncodingKey, Header, jwk::Jwk};
use rstest::rstest;
use rstest_reuse::apply;
use serde_json::{Value, json};
use tonic::{Code, Status};
use uuid::Uuid;

use super::{Answer, Service, Setting, by_assertion, issue, operator, wanting};
use crate::harness::{
    Backend, Server,
    key_server::{Answer as Keys, KeyServer},
    on_both, reason,
    signer::Signer,
};

const ISSUER: &str = "http://localhost:8080";

/// A server that may fetch keys from this machine.
pub(super) async fn setting(backend: Backend, keys: &KeyServer, issuers: &str) -> Setting {
    let server = Server::start_with(backend, |config, _| {
        config.assertions.networks =
            countersign::domain::PrivateNetworks::parse("127.0.0.0/8,::1").unwrap();
        config.assertions.trust = keys.certificate.trust();
        if !issuers.is_empty() {
            config.assertions.issuers =
                countersign::domain::TokenIssuer::parse_all(issuers).unwrap();
        }
    });
    let setting = Setting::of(server.await).await;
    setting.server.clock.stop();
    setting
}

/// An account with the public key of that signer.
async fn signing(setting: &Setting, signer: &Signer) -> Service {
    let assertion_keys = AssertionKeys { jwks: Some(signer.jwks().to_string()), jwks_url: None };
    setting.create(AccountRequest { assertion_keys, ..wanting("a b") }).await
}

pub(super) fn claims(setting: &Setting, service: &Service) -> Value {
    let (now, id) = (setting.server.clock.now().unix_seconds(), service.id.to_string());
    json!({"iss": id, "sub": id, "aud": ISSUER, "iat": now, "exp": now + 60, "jti": Uuid::now_v7()})
}

/// The refusal's text: it must be one of the proof.
pub(super) fn refused(answer: Answer) -> String {
    let refused: Status = answer.unwrap_err();
    let proof = (Code::Unauthenticated, "INVALID_CREDENTIALS");
    assert_eq!((refused.code(), &*reason(&refused)), proof, "{refused:?}");
    refused.message().to_owned()
}

#[apply(on_both)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_assertion_gets_one_token_however_many_ask(backend: Backend) {
    let keys = KeyServer::start().await;
    let (setting, signer) = (setting(backend, &keys, "").await, Signer::new("a"));
    let service = signing(&setting, &signer).await;
    let replica = setting.server.replica(|_, _| {}).await;
    let jwt = signer.sign(&claims(&setting, &service));
    let asking = (0..64).map(|number| {
        let server = if number % 2 == 0 { &setting.server } else { &replica };
        issue(server, by_assertion(&jwt))
    });
    let (won, lost): (Vec<_>, Vec<_>) = join_all(asking).await.into_iter().partition(Result::is_ok);
    assert_eq!((won.len(), lost.len()), (1, 63));
    for lost in lost {
        assert!(refused(lost).contains("used before"));
    }
    let issued = won.into_iter().next().unwrap().unwrap();
    let said = setting.claims(&issued.access_token).await.unwrap();
    assert_eq!((said.sub, said.scope.as_str()), (service.id.to_string(), "a b"));
    // The same id of another account is another assertion.
    let other = signing(&setting, &signer).await;
    let jti = crate::harness::jwt::claims(&jwt)["jti"].clone();
    let mut its = claims(&setting, &other);
    its["jti"] = jti;
    setting.issue(by_assertion(&signer.sign(&its))).await.unwrap();
}

/// A JWT whose header says `alg`, with that signature.
fn with_alg(alg: &str, claims: &Value, signature: &str) -> String {
    let part = |value: &Value| BASE64.encode(value.to_string());
    format!("{}.{}.{signature}", part(&json!({"alg": alg, "kid": "a"})), part(claims))
}

#[apply(on_both)]
#[tokio::test]
async fn what_is_forged_stale_or_for_others_proves_nothing_and_uses_no_id_up(backend: Backend) {
    let keys = KeyServer::start().await;
    let (setting, signer) = (setting(backend, &keys, "").await, Signer::new("a"));
    let (service, stranger) = (signing(&setting, &signer).await, Signer::new("a"));
    let other = signing(&setting, &stranger).await;
    let (good, now) = (claims(&setting, &service), setting.server.clock.now().unix_seconds());
    let with = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims[name] = value;
        signer.sign(&claims)
    };
    let jwk: Jwk = serde_json::from_value(signer.jwk()).unwrap();
    let public = serde_json::to_vec(&jwk).unwrap();
    let mut header = Header::new(Algorithm::HS256);
    header.kid = Some("a".into());
    let by_public =
        jsonwebtoken::encode(&header, &good, &EncodingKey::from_secret(&public)).unwrap();
    let signature = signer.sign(&good).rsplit('.').next().unwrap().to_owned();
    let mut tampered = good.clone();
    tampered["exp"] = json!(now + 61);
    for (what, jwt) in [
        ("unsigned", with_alg("none", &good, "")),
        ("unsigned, in other letters", with_alg("NoNe", &good, "")),
        ("without its signature", with_alg("ES256", &good, "")),
        ("with another's signature", with_alg("ES256", &tampered, &signature)),
        ("HS256 by the public key", by_public),
        ("another key", stranger.sign(&good)),
        ("another account", signer.sign(&claims(&setting, &other))),
        ("a wrong audience", with("aud", json!("https://other.example"))),
        ("the audience of our tokens", with("aud", json!("countersign"))),
        ("a year ahead", with("exp", json!(now + 31_536_000))),
        ("expired", with("exp", json!(now - 60))),
        ("no jti", with("jti", Value::Null)),
        ("an access token", signer.sign_as(Some("at+jwt"), &good)),
        ("nothing", String::new()),
        ("no JWT", "a.b.c".into()),
        ("a key", service.key.clone()),
        ("an account that there is not", with("iss", json!("0".repeat(32)))),
    ] {
        let text = refused(setting.issue(by_assertion(&jwt)).await);
        assert!(text.is_ascii() && !text.contains(['"', '\\']), "{what}: {text}");
    }
    setting.issue(by_assertion(&signer.sign(&good))).await.unwrap();
    // The token endpoint is an audience as well: libraries differ.
    let at_endpoint = json!([format!("{ISSUER}/oauth2/token")]);
    let mut next = claims(&setting, &service);
    next["aud"] = at_endpoint;
    setting.issue(by_assertion(&signer.sign(&next))).await.unwrap();
    setting.keeper.disable(&operator(), &service.name).await.unwrap();
    let next = signer.sign(&claims(&setting, &service));
    assert!(refused(setting.issue(by_assertion(&next)).await).contains("disabled"));
}

#[tokio::test]
async fn the_public_keys_may_be_at_a_url() {
    let keys = KeyServer::start().await;
    let (setting, signer) = (setting(Backend::Sqlite, &keys, "").await, Signer::new("a"));
    let jwks_url = Some(keys.url("/keys"));
    let assertion_keys = AssertionKeys { jwks: None, jwks_url };
    let service = setting.create(AccountRequest { assertion_keys, ..wanting("") }).await;
    let jwt = signer.sign(&claims(&setting, &service));
    let unavailable = setting.issue(by_assertion(&jwt)).await.unwrap_err();
    let expected = (Code::Unavailable, "KEYS_UNAVAILABLE");
    assert_eq!((unavailable.code(), &*reason(&unavailable)), expected);
    keys.answer("/keys", Keys::json(&signer.jwks()));
    setting.later(Duration::from_secs(1));
    setting.issue(by_assertion(&jwt)).await.unwrap();
}

/// What was used between the back-up and the restore is not known any more.
#[apply(on_both)]
#[tokio::test]
async fn after_a_restore_no_assertion_and_no_token_of_before_counts(backend: Backend) {
    let keys = KeyServer::start().await;
    let (setting, signer) = (setting(backend, &keys, "").await, Signer::new("a"));
    let service = signing(&setting, &signer).await;
    let mut undated = claims(&setting, &service);
    undated["iat"] = Value::Null;
    let [dated, undated] = [claims(&setting, &service), undated].map(|claims| signer.sign(&claims));
    let token = setting.token(&service).await;
    let (store, clock) = (setting.server.database.store().await, setting.server.clock.clock());
    setting.later(Duration::from_secs(1));
    end_what_was_revived(&operator(), store.as_ref(), &clock, false).await.unwrap();
    for jwt in [&dated, &undated] {
        assert!(refused(setting.issue(by_assertion(jwt)).await).contains("a restore"));
    }
    setting.has_ended(&token).await;
    // Its clock may be ahead by a minute.
    setting.later(Duration::from_secs(61));
    let jwt = signer.sign(&claims(&setting, &service));
    let issued = setting.issue(by_assertion(&jwt)).await.unwrap();
    assert!(setting.is_active(&issued.access_token).await);
}
