//! Claims that are of no kind, or of two: a service's token must never pass for a user's, nor an exchanged one for the
//! user's own. All have valid signatures.

use countersign_verify::{Accept, Verifier, VerifyError};
use jsonwebtoken::Algorithm;
use serde_json::{Value, json};

use super::{
    Fake, Issuer, following,
    issuer::{account, claims, exchanged_claims, service_claims},
    settings,
};

struct Mixer {
    issuer: Issuer,
    verifier: Verifier,
    _stream: super::fake::Stream,
}

impl Mixer {
    async fn new() -> Self {
        let issuer = Issuer::new(Algorithm::ES256);
        let mut fake = Fake::new([issuer.public()]);
        let (verifier, stream) = following(&mut fake, settings()).await;
        Self { issuer, verifier, _stream: stream }
    }

    /// Refused wherever, even where every kind is accepted.
    async fn refuses(&self, claims: &Value, changes: &Value) {
        let all = Accept::users_and_services().any_scope();
        let jwt = self.issuer.token_of(claims);
        assert!(
            self.verifier.verify_from(&all, &jwt).await.is_ok(),
            "without the change: {claims}"
        );
        let mut changed = claims.clone();
        for (name, value) in changes.as_object().unwrap() {
            match value.as_str() {
                Some("left out") => drop(changed.as_object_mut().unwrap().remove(name)),
                _ => changed[name] = value.clone(),
            }
        }
        let result = self.verifier.verify_from(&all, &self.issuer.token_of(&changed)).await;
        assert_eq!(result.err(), Some(VerifyError::Invalid), "{changed}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_users_id_has_dashes_and_a_services_has_none() {
    let mixer = Mixer::new().await;
    let dashed = json!("01a20c4a-0429-7775-a845-ad388fc19430");
    let digits = json!("01a20c4a04297775a845ad388fc19430");
    let upper = json!("01A20C4A04297775A845AD388FC19430");
    let (service, user) = (service_claims(&account(), "a"), claims());
    let exchanged = exchanged_claims(&user, &account(), "a");
    for id in [&dashed, &upper, &json!("alice"), &json!("")] {
        mixer.refuses(&service, &json!({"sub": id, "client_id": id})).await;
        mixer.refuses(&exchanged, &json!({"act": {"sub": id}, "client_id": id})).await;
    }
    let urn = json!("urn:uuid:01a20c4a-0429-7775-a845-ad388fc19430");
    let braced = json!("{01a20c4a-0429-7775-a845-ad388fc19430}");
    for id in [&digits, &upper, &urn, &braced] {
        mixer.refuses(&user, &json!({ "sub": id })).await;
        mixer.refuses(&exchanged, &json!({ "sub": id })).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_was_issued_to_the_service_that_it_names() {
    let mixer = Mixer::new().await;
    let changes = json!({ "client_id": account() });
    mixer.refuses(&service_claims(&account(), ""), &changes).await;
    mixer.refuses(&exchanged_claims(&claims(), &account(), ""), &changes).await;
    mixer.refuses(&service_claims(&account(), ""), &json!({"client_id": "left out"})).await;
}

/// Without the claim that limits it, or with one that can't be read, it would be the user's own.
#[tokio::test(start_paused = true)]
async fn what_limits_a_token_is_there_and_readable_or_it_is_refused() {
    let mixer = Mixer::new().await;
    let exchanged = exchanged_claims(&claims(), &account(), "a");
    let unscoped = exchanged_claims(&claims(), &account(), "");
    let id = account();
    for act in [json!(null), json!({}), json!(id), json!([id]), json!({"sub": null}), json!(7)] {
        mixer.refuses(&exchanged, &json!({ "act": act })).await;
        // Without a scope nothing else tells it from the user's own.
        mixer.refuses(&unscoped, &json!({ "act": act })).await;
    }
    mixer.refuses(&exchanged, &json!({"act": "left out"})).await;
    mixer.refuses(&exchanged, &json!({"act": "left out", "client_id": "orders"})).await;
    mixer.refuses(&claims(), &json!({"scope": "a"})).await;
    mixer.refuses(&claims(), &json!({"service_epoch": 1})).await;
    for limited in [exchanged, service_claims(&account(), "a")] {
        for scope in [json!(null), json!(["a"]), json!(7), json!({})] {
            mixer.refuses(&limited, &json!({ "scope": scope })).await;
        }
        for epoch in [json!(null), json!("1"), json!(1.5), json!([])] {
            mixer.refuses(&limited, &json!({ "service_epoch": epoch })).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_services_token_has_no_claim_of_a_user_and_an_exchanged_one_has_all() {
    let mixer = Mixer::new().await;
    let exchanged = exchanged_claims(&claims(), &account(), "a");
    for (name, value) in claims().as_object().unwrap() {
        if ["iss", "aud", "exp", "iat", "jti"].contains(&name.as_str()) {
            continue;
        }
        mixer.refuses(&service_claims(&account(), "a"), &json!({ name: value })).await;
        if name != "roles" {
            mixer.refuses(&exchanged, &json!({ name: "left out" })).await;
        }
    }
    mixer.refuses(&service_claims(&account(), "a"), &json!({"session_epoch": 1})).await;
    mixer.refuses(&service_claims(&account(), "a"), &json!({"act": {"sub": account()}})).await;
}
