//! When a key set is fetched, and for how long it is used.

use std::{fmt::Write as _, time::Duration};

use countersign::service::AssertionError;
use futures_util::future::join_all;
use serde_json::{Value, json};

use super::Verifier;
use crate::harness::{
    key_server::{Answer, KeyServer},
    signer::Signer,
};

const ISSUER: &str = "https://kubernetes.default.svc.cluster.local";
const SUBJECT: &str = "system:serviceaccount:shop:cart";

/// An issuer whose key set is fresh for five minutes, and a verifier of its tokens.
struct Issuer {
    server: KeyServer,
    verifier: Verifier,
}

impl Issuer {
    async fn start() -> Self {
        let server = KeyServer::start().await;
        let verifier = Verifier::of(&server, &format!("{ISSUER}={}", server.url("/keys")));
        Self { server, verifier }
    }

    fn publishes(&self, keys: &Value) {
        let answer = Answer::json(keys).with("cache-control", "max-age=300");
        self.server.answer("/keys", answer);
    }

    async fn verify(&self, signer: &Signer) -> Result<(), AssertionError> {
        let jwt = signer.sign(&self.verifier.claims(ISSUER, SUBJECT));
        self.verifier.assertions.of_workload(&jwt).await.map(|_workload| ())
    }

    fn later(&self, seconds: u64) {
        self.verifier.clock.advance(Duration::from_secs(seconds));
    }

    fn fetches(&self) -> usize {
        self.server.calls().len()
    }
}

#[tokio::test]
async fn sixty_four_callers_at_once_make_one_fetch() {
    let (issuer, signer) = (Issuer::start().await, Signer::new("a"));
    issuer.publishes(&signer.jwks());
    for answer in join_all((0..64).map(|_| issuer.verify(&signer))).await {
        answer.unwrap();
    }
    assert_eq!(issuer.fetches(), 1);
    // So do those whose key is not in it.
    let next = Signer::new("b");
    issuer.publishes(&json!({ "keys": [signer.jwk(), next.jwk()] }));
    for answer in join_all((0..64).map(|_| issuer.verify(&next))).await {
        answer.unwrap();
    }
    assert_eq!(issuer.fetches(), 2);
}

#[tokio::test]
async fn a_key_set_is_fetched_again_when_its_time_is_over() {
    let (issuer, signer) = (Issuer::start().await, Signer::new("a"));
    issuer.publishes(&signer.jwks());
    issuer.verify(&signer).await.unwrap();
    issuer.later(299);
    issuer.verify(&signer).await.unwrap();
    assert_eq!(issuer.fetches(), 1);
    issuer.later(1);
    // A key that was withdrawn is refused from then on.
    issuer.publishes(&Signer::new("b").jwks());
    assert!(matches!(issuer.verify(&signer).await, Err(AssertionError::Refused(_))));
    assert_eq!(issuer.fetches(), 3, "once for its time, and once for the unknown key");
}

#[tokio::test]
async fn an_unknown_key_makes_one_fetch_in_thirty_seconds() {
    let (issuer, signer) = (Issuer::start().await, Signer::new("a"));
    issuer.publishes(&signer.jwks());
    issuer.verify(&signer).await.unwrap();
    // Forged with a kid of the attacker's, and with that of the issuer's key.
    for forger in ["x", "y", "a"].map(Signer::new) {
        assert!(matches!(issuer.verify(&forger).await, Err(AssertionError::Refused(_))));
        issuer.verify(&signer).await.unwrap();
    }
    assert_eq!(issuer.fetches(), 2);
    let next = Signer::new("b");
    issuer.publishes(&next.jwks());
    issuer.later(29);
    assert!(issuer.verify(&next).await.is_err());
    issuer.later(1);
    issuer.verify(&next).await.unwrap();
    assert_eq!(issuer.fetches(), 3);
}

#[tokio::test]
async fn while_it_cannot_be_fetched_the_old_one_is_used_for_an_hour() {
    let (issuer, signer) = (Issuer::start().await, Signer::new("a"));
    issuer.publishes(&signer.jwks());
    issuer.verify(&signer).await.unwrap();
    for broken in [
        Answer::status(503),
        Answer::bytes("<html>"),
        Answer::bytes(r#"{"keys": [{"kty": "oct", "k": "AAAA"}]}"#),
    ] {
        issuer.server.answer("/keys", broken);
        issuer.later(300);
        issuer.verify(&signer).await.unwrap();
    }
    issuer.later(3599 - 600);
    issuer.verify(&signer).await.unwrap();
    issuer.later(1);
    assert_eq!(issuer.verify(&signer).await, Err(AssertionError::KeysUnavailable));
    issuer.publishes(&signer.jwks());
    issuer.later(60);
    issuer.verify(&signer).await.unwrap();
}

#[tokio::test]
async fn a_server_that_fails_is_asked_less_and_less() {
    let (issuer, signer) = (Issuer::start().await, Signer::new("a"));
    let mut fetches = String::new();
    for _ in 0..20 {
        for answer in join_all((0..8).map(|_| issuer.verify(&signer))).await {
            assert_eq!(answer, Err(AssertionError::KeysUnavailable));
        }
        write!(fetches, "{} ", issuer.fetches()).unwrap();
        issuer.later(1);
    }
    assert_eq!(fetches.trim_end(), "1 2 2 3 3 3 3 4 4 4 4 4 4 4 4 5 5 5 5 5");
}

#[tokio::test]
async fn a_fetch_goes_on_when_its_caller_goes_away() {
    let (issuer, signer) = (Issuer::start().await, Signer::new("a"));
    issuer.publishes(&signer.jwks());
    for _ in 0..5 {
        let verifying = issuer.verify(&signer);
        tokio::pin!(verifying);
        // Polled once, then dropped.
        assert!(futures_util::poll!(&mut verifying).is_pending());
    }
    issuer.verify(&signer).await.unwrap();
    assert_eq!(issuer.fetches(), 1);
}
