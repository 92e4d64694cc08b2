//! Step-up authentication (RFC 9470): how sure and how recent the login behind a token must be.

use std::time::Duration;

use countersign_verify::{Accept, Acr, VerifyError};
use jsonwebtoken::Algorithm;
use serde_json::{Value, json};

use super::{
    Fake, Issuer, following,
    issuer::{account, claims, exchanged_claims, now, service_claims},
    settings,
};

fn user(acr: &Value, seconds_ago: i64) -> Value {
    let mut claims = claims();
    let now = i64::try_from(now()).unwrap();
    claims["auth_time"] = json!(now - seconds_ago);
    if acr.is_string() {
        claims["acr"] = acr.clone();
    }
    claims
}

#[tokio::test(start_paused = true)]
async fn a_login_must_be_as_sure_as_is_required() {
    let issuer = Issuer::new(Algorithm::ES256);
    let mut fake = Fake::new([issuer.public()]);
    let (verifier, _stream) = following(&mut fake, settings()).await;
    let refused = Some(VerifyError::InsufficientUserAuthentication);
    for (required, acr, expected) in [
        (Acr::OneFactor, json!("1fa"), None),
        (Acr::OneFactor, json!("2fa"), None),
        (Acr::OneFactor, Value::Null, refused),
        (Acr::TwoFactors, json!("1fa"), refused),
        (Acr::TwoFactors, json!("2fa"), None),
        (Acr::TwoFactors, json!("phr"), None),
        (Acr::TwoFactors, Value::Null, refused),
        (Acr::TwoFactors, json!("2FA"), refused),
        (Acr::TwoFactors, json!(" 2fa"), refused),
        (Acr::TwoFactors, json!("3fa"), refused),
        (Acr::PhishingResistant, json!("2fa"), refused),
        (Acr::PhishingResistant, json!("phr"), None),
    ] {
        let accept = Accept::users().require_scope("a").require_acr(required);
        let own = user(&acr, 0);
        let exchanged = exchanged_claims(&own, &account(), "a");
        for claims in [own, exchanged] {
            let result = verifier.verify_from(&accept, &issuer.token_of(&claims)).await;
            assert_eq!(result.err(), expected, "{required:?} of {claims}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_login_must_be_as_recent_as_is_required() {
    let issuer = Issuer::new(Algorithm::ES256);
    let mut fake = Fake::new([issuer.public()]);
    let (verifier, _stream) = following(&mut fake, settings()).await;
    let accept = Accept::users().require_login_within(Duration::from_secs(300));
    for (seconds_ago, is_recent) in [(0, true), (290, true), (310, false), (i64::MAX / 2, false)] {
        let token = issuer.token_of(&user(&Value::Null, seconds_ago));
        let result = verifier.verify_from(&accept, &token).await;
        let expected = (!is_recent).then_some(VerifyError::InsufficientUserAuthentication);
        assert_eq!(result.err(), expected, "{seconds_ago}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_of_its_own_has_no_login_and_passes_by_its_scope() {
    let issuer = Issuer::new(Algorithm::ES256);
    let mut fake = Fake::new([issuer.public()]);
    let (verifier, _stream) = following(&mut fake, settings()).await;
    let accept = Accept::users_and_services().require_scope("a").require_acr(Acr::TwoFactors);
    let token = |claims: &Value| issuer.token_of(claims);
    assert!(verifier.verify_from(&accept, &token(&service_claims(&account(), "a"))).await.is_ok());
    let mut with_acr = service_claims(&account(), "a");
    with_acr["acr"] = json!("2fa");
    let mixed = verifier.verify_from(&accept, &token(&with_acr)).await;
    assert_eq!(mixed.err(), Some(VerifyError::Invalid), "a service has no login");
    // Those who are of the wrong kind are told that, not to log in again.
    let users_only = Accept::users().require_acr(Acr::TwoFactors);
    let refused = verifier.verify_from(&users_only, &token(&service_claims(&account(), "a"))).await;
    assert_eq!(refused.err(), Some(VerifyError::CallerNotAccepted));
}
