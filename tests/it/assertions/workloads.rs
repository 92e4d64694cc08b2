//! Tokens of workloads: Kubernetes, SPIFFE, and other OpenID Connect issuers.

use std::{fs, time::Duration};

use countersign::service::AssertionError;
use serde_json::{Value, json};

use super::{AUDIENCE, Verifier};
use crate::harness::{
    key_server::{Answer, KeyServer},
    signer::Signer,
};

const SUBJECT: &str = "system:serviceaccount:shop:cart";

async fn verify(verifier: &Verifier, jwt: &str) -> Result<(String, String), String> {
    let verified = verifier.assertions.of_workload(jwt).await;
    verified.map(|workload| (workload.issuer, workload.subject)).map_err(|error| error.to_string())
}

/// A server that is an issuer by discovery, with `name` in its document.
async fn issuer(signer: &Signer, name: impl Fn(&KeyServer) -> String) -> KeyServer {
    let server = KeyServer::start().await;
    let document = json!({ "issuer": name(&server), "jwks_uri": server.url("/keys") });
    server.answer("/tenant/.well-known/openid-configuration", Answer::json(&document));
    server.answer("/keys", Answer::json(&signer.jwks()));
    server
}

#[tokio::test]
async fn an_issuer_is_found_by_its_document() {
    let signer = Signer::new("a");
    let server = issuer(&signer, |server| server.url("/tenant")).await;
    let name = server.url("/tenant");
    let verifier = Verifier::of(&server, &name);
    let jwt = signer.sign(&verifier.claims(&name, SUBJECT));
    assert_eq!(verify(&verifier, &jwt).await, Ok((name.clone(), SUBJECT.to_owned())));
    assert_eq!(server.calls(), ["/tenant/.well-known/openid-configuration", "/keys"]);
    // It may be used again: workloads have no other.
    assert!(verify(&verifier, &jwt).await.is_ok());
    assert_eq!(server.calls().len(), 2);
}

#[tokio::test]
async fn a_document_of_another_issuer_is_refused() {
    let signer = Signer::new("a");
    for other in ["/tenant/", "/other", ""] {
        let server = issuer(&signer, |server| server.url(other)).await;
        let verifier = Verifier::of(&server, &server.url("/tenant"));
        let jwt = signer.sign(&verifier.claims(&server.url("/tenant"), SUBJECT));
        let refused = verifier.assertions.of_workload(&jwt).await;
        assert_eq!(refused, Err(AssertionError::KeysUnavailable), "{other}");
        assert_eq!(server.calls().len(), 1, "its keys were fetched");
    }
}

#[tokio::test]
async fn the_bearer_token_goes_to_the_named_server_and_no_document_leads_it_elsewhere() {
    let (signer, folder) = (Signer::new("a"), tempfile::tempdir().unwrap());
    let file = folder.path().join("token");
    fs::write(&file, "mine").unwrap();
    let (server, other) = (KeyServer::start().await, KeyServer::start_plain().await);
    let name = server.url("");
    let elsewhere = format!("http://localhost:{}/keys", other.port);
    let document = json!({ "issuer": name, "jwks_uri": elsewhere });
    server.answer("/.well-known/openid-configuration", Answer::json(&document));
    other.answer("/keys", Answer::json(&signer.jwks()));
    let verifier = Verifier::of(&server, &format!("{name};token={}", file.display()));
    assert!(verify(&verifier, &signer.sign(&verifier.claims(&name, SUBJECT))).await.is_ok());
    assert_eq!(server.headers("authorization"), [Some("Bearer mine".to_owned())]);
    assert_eq!(other.headers("authorization"), [None]);
}

#[tokio::test]
async fn claims_that_are_not_right_are_refused_in_words() {
    let (server, signer) = (KeyServer::start().await, Signer::new("a"));
    server.answer("/keys", Answer::json(&signer.jwks()));
    let issuer = "https://kubernetes.default.svc";
    let verifier = Verifier::of(&server, &format!("{issuer}={}", server.url("/keys")));
    let now = verifier.clock.now().unix_seconds();
    let with = |name: &str, value: Value| {
        let mut claims = verifier.claims(issuer, SUBJECT);
        claims[name] = value;
        claims
    };
    assert!(verify(&verifier, &signer.sign(&with("exp", json!(now + 86_400)))).await.is_ok());
    assert!(verify(&verifier, &signer.sign(&with("jti", Value::Null))).await.is_ok());
    for (claims, why) in [
        (with("aud", json!(["https://kubernetes.default.svc"])), AUDIENCE),
        (with("aud", Value::Null), AUDIENCE),
        (with("exp", json!(now + 31_536_000)), "and may be 86400 s at the most"),
        (with("exp", json!(now - 61)), "has expired"),
        (with("exp", Value::Null), "exp is missing"),
        (with("nbf", json!(now + 61)), "not valid yet"),
        (with("sub", Value::Null), "the claim sub"),
        (with("sub", json!("")), "the claim sub"),
        (with("iss", json!("https://other.example")), "COUNTERSIGN_TOKEN_ISSUERS"),
        (with("iss", Value::Null), "COUNTERSIGN_TOKEN_ISSUERS"),
    ] {
        let refused = verify(&verifier, &signer.sign(&claims)).await.unwrap_err();
        assert!(refused.contains(why), "{claims}: {refused}");
    }
    let access_token = signer.sign_as(Some("at+jwt"), &verifier.claims(issuer, SUBJECT));
    assert!(verify(&verifier, &access_token).await.unwrap_err().contains("typ"));
    assert!(verify(&verifier, "e30.e30.").await.is_err());
    verifier.clock.advance(Duration::from_secs(1));
}

#[tokio::test]
async fn an_id_of_a_trust_domain_counts_by_the_keys_of_that_domain_alone() {
    let (server, spire, oidc) = (KeyServer::start().await, Signer::new("a"), Signer::new("b"));
    let mut jwk = spire.jwk();
    jwk["use"] = "jwt-svid".into();
    // A bundle as SPIRE publishes it, with keys of other kinds.
    let x509 = json!({"kty": "EC", "use": "x509-svid", "crv": "P-521", "x5c": ["AA"]});
    let bundle = json!({
        "keys": [x509, {"kty": "AKP", "use": "jwt-svid", "kid": "pq"}, jwk],
        "spiffe_sequence": 1, "spiffe_refresh_hint": 300,
    });
    server.answer("/bundle", Answer::json(&bundle));
    server.answer("/keys", Answer::json(&oidc.jwks()));
    let issuers = format!(
        "https://oidc.example={} spiffe://example.org={}",
        server.url("/keys"),
        server.url("/bundle")
    );
    let verifier = Verifier::of(&server, &issuers);
    let id = "spiffe://example.org/ns/shop/sa/cart";
    for issuer in ["https://oidc.example", "https://spire.example.org"] {
        let claims = verifier.claims(issuer, id);
        for typ in [None, Some("JWT"), Some("JOSE")] {
            let verified = verify(&verifier, &spire.sign_as(typ, &claims)).await;
            assert_eq!(verified, Ok(("spiffe://example.org".to_owned(), id.to_owned())));
        }
        assert!(verify(&verifier, &oidc.sign(&claims)).await.is_err(), "{issuer}");
    }
    for other in ["spiffe://example.com/a", "spiffe://example.org", "spiffe://example.org.evil/a"] {
        let claims = verifier.claims("https://spire.example.org", other);
        let refused = verify(&verifier, &spire.sign(&claims)).await.unwrap_err();
        assert!(refused.contains("COUNTERSIGN_TOKEN_ISSUERS"), "{other}: {refused}");
    }
}

/// Neither its silence nor its errors cost the others anything.
#[tokio::test]
async fn an_issuer_that_does_not_answer_holds_up_no_other() {
    let (server, signer) = (KeyServer::start().await, Signer::new("a"));
    server.answer("/silent", Answer::never());
    server.answer("/keys", Answer::json(&signer.jwks()));
    let issuers = format!(
        "https://silent.example={} https://good.example={}",
        server.url("/silent"),
        server.url("/keys")
    );
    let verifier = Verifier::of(&server, &issuers);
    let [silent, good] = ["https://silent.example", "https://good.example"]
        .map(|issuer| signer.sign(&verifier.claims(issuer, SUBJECT)));
    let waiting = verify(&verifier, &silent);
    tokio::pin!(waiting);
    assert!(futures_util::poll!(&mut waiting).is_pending());
    assert!(verify(&verifier, &good).await.is_ok());
    assert!(futures_util::poll!(&mut waiting).is_pending());
    tokio::time::pause();
    assert!(waiting.await.unwrap_err().contains("cannot be fetched now"));
}
