//! Assertions: a valid one for each algorithm, and each rule broken in turn.

use serde_json::{Value, json};

use super::{
    Algorithm, Asserted, Assertion, Challenge, Demand, Malformed, Refused, StoredCredential,
    UserVerification,
    authenticator_of_tests::{
        AT, Authenticator, BE, BS, ED, Parts, UP, UV, challenge, map, user_handle,
    },
    relying_party_tests::example,
};

const LOGIN: fn() -> Demand = || Demand::discoverable_login(UserVerification::Required);
const FACTOR: fn() -> Demand = || Demand::second_factor(UserVerification::Required);

fn verify(
    json: &Value,
    stored: &StoredCredential<'_>,
    demand: Demand,
) -> Result<Asserted, Refused> {
    let assertion = Assertion::read(&json.to_string()).unwrap();
    assertion.verify(&example(), &challenge(), stored, demand)
}

#[test]
fn an_assertion_of_each_algorithm_is_taken_with_what_it_says() {
    for algorithm in Algorithm::OFFERED {
        let authenticator = Authenticator::new(algorithm);
        let json = authenticator.sign(&authenticator.assert());
        let assertion = Assertion::read(&json.to_string()).unwrap();
        assert_eq!(assertion.credential_id(), authenticator.id);
        assert_eq!(assertion.user_handle(), Some(&user_handle().as_bytes()[..]));
        let expected = Asserted { sign_count: 2, user_verified: true, backed_up: true };
        for demand in [LOGIN(), FACTOR()] {
            assert_eq!(
                verify(&json, &authenticator.stored(), demand),
                Ok(expected),
                "{algorithm:?}"
            );
        }
    }
}

/// How an assertion is broken before it is signed, and the rule that it then breaks.
type Case = (fn(&mut Parts), Refused);

const SIGNED: [Case; 24] = [
    (|p| p.client_bytes = Some(b"null".to_vec()), Refused::ClientData),
    (|p| p.client_bytes = Some(b"{\"\xff\":1}".to_vec()), Refused::ClientData),
    (|p| p.client["challenge"] = json!(7), Refused::ClientData),
    (|p| p.client["type"] = "webauthn.create".into(), Refused::CeremonyType),
    (|p| p.client["type"] = "WEBAUTHN.GET".into(), Refused::CeremonyType),
    (|p| p.client["challenge"] = "".into(), Refused::Challenge),
    (|p| p.client["challenge"] = "B".repeat(43).into(), Refused::Challenge),
    (|p| p.client["origin"] = "https://example.com".into(), Refused::Origin),
    (|p| p.client["origin"] = "https://example.org/".into(), Refused::Origin),
    (|p| p.client["crossOrigin"] = true.into(), Refused::CrossOrigin),
    (|p| p.client["topOrigin"] = "https://example.com".into(), Refused::TopOrigin),
    (|p| p.trailing = vec![0xa0], Refused::AuthenticatorDataTrailing),
    (|p| p.flags |= AT, Refused::AuthenticatorDataTruncated),
    (|p| p.flags |= ED, Refused::Extensions(super::CborError::Truncated)),
    (|p| (p.flags, p.extensions) = (p.flags | ED, vec![0xf6]), Refused::ExtensionsKind),
    (|p| p.rp_id = "login.example.org", Refused::RelyingParty),
    (|p| p.rp_id = "https://example.org", Refused::RelyingParty),
    (|p| p.flags &= !UP, Refused::UserPresence),
    (|p| p.flags &= !UV, Refused::UserVerification),
    (|p| p.flags &= !BE, Refused::BackupState),
    (|p| p.flags &= !(BE | BS), Refused::BackupEligibility),
    (|p| p.sign_count = 1, Refused::CounterStoodStill),
    (|p| p.sign_count = 0, Refused::CounterWentBack { stored: 1, shown: 0 }),
    (|p| p.id = vec![6; 32], Refused::Credential),
];

#[test]
fn each_rule_that_is_broken_is_named() {
    for algorithm in Algorithm::OFFERED {
        let authenticator = Authenticator::new(algorithm);
        for (place, (break_it, refused)) in SIGNED.into_iter().enumerate() {
            let mut parts = authenticator.assert();
            break_it(&mut parts);
            let verdict = verify(&authenticator.sign(&parts), &authenticator.stored(), LOGIN());
            assert_eq!(verdict, Err(refused), "{algorithm:?}, case {place}");
        }
    }
}

#[test]
fn an_assertion_has_no_new_credential() {
    let authenticator = Authenticator::new(Algorithm::Es256);
    let mut parts = authenticator.assert();
    parts.flags |= AT;
    parts.attested = Authenticator::attested(&authenticator.id, &authenticator.key);
    let verdict = verify(&authenticator.sign(&parts), &authenticator.stored(), LOGIN());
    assert_eq!(verdict, Err(Refused::NewCredential));
}

#[test]
fn a_signature_is_by_the_credentials_key_over_what_is_sent() {
    for algorithm in Algorithm::OFFERED {
        let authenticator = Authenticator::new(algorithm);
        let valid = authenticator.sign(&authenticator.assert());
        let mut other = authenticator.assert();
        other.client["more"] = 1.into();
        let other = authenticator.sign(&other);
        for member in ["signature", "clientDataJSON"] {
            let mut json = valid.clone();
            json["response"][member] = other["response"][member].clone();
            let verdict = verify(&json, &authenticator.stored(), LOGIN());
            assert_eq!(verdict, Err(Refused::Signature), "{algorithm:?}, {member}");
        }
        for signature in ["AA", &"A".repeat(86), &"A".repeat(342), "MAYCAQECAQE"] {
            let mut json = valid.clone();
            json["response"]["signature"] = signature.into();
            let verdict = verify(&json, &authenticator.stored(), LOGIN());
            assert_eq!(verdict, Err(Refused::Signature), "{algorithm:?}, {signature}");
        }
        // A counter that says something takes a signature that is right.
        let mut parts = authenticator.assert();
        parts.sign_count = 0;
        let mut json = authenticator.sign(&parts);
        json["response"]["signature"] = valid["response"]["signature"].clone();
        assert_eq!(verify(&json, &authenticator.stored(), LOGIN()), Err(Refused::Signature));
    }
}

#[test]
fn the_key_of_another_credential_does_not_fit() {
    for (algorithm, other) in [
        (Algorithm::Es256, Algorithm::Es256),
        (Algorithm::EdDsa, Algorithm::EdDsa),
        (Algorithm::Es256, Algorithm::EdDsa),
        (Algorithm::Rs256, Algorithm::Es256),
        (Algorithm::EdDsa, Algorithm::Rs256),
    ] {
        let (authenticator, other) = (Authenticator::new(algorithm), Authenticator::new(other));
        let json = authenticator.sign(&authenticator.assert());
        assert_eq!(verify(&json, &other.stored(), LOGIN()), Err(Refused::Signature));
    }
}

#[test]
fn counters_grow_or_are_none() {
    let authenticator = Authenticator::new(Algorithm::EdDsa);
    let verdict = |stored, shown| {
        let mut parts = authenticator.assert();
        parts.sign_count = shown;
        let stored = StoredCredential { sign_count: stored, ..authenticator.stored() };
        verify(&authenticator.sign(&parts), &stored, LOGIN()).map(|asserted| asserted.sign_count)
    };
    assert_eq!(verdict(0, 0), Ok(0));
    assert_eq!(verdict(0, 1), Ok(1));
    assert_eq!(verdict(0, u32::MAX), Ok(u32::MAX));
    assert_eq!(verdict(u32::MAX - 1, u32::MAX), Ok(u32::MAX));
    assert_eq!(verdict(1, 1), Err(Refused::CounterStoodStill));
    assert_eq!(verdict(u32::MAX, u32::MAX), Err(Refused::CounterStoodStill));
    assert_eq!(verdict(u32::MAX, 0), Err(Refused::CounterWentBack { stored: u32::MAX, shown: 0 }));
    assert!(verdict(2, 1).unwrap_err().may_be_a_clone());
    assert!(verdict(2, 2).unwrap_err().may_be_a_clone());
    assert!(!Refused::Signature.may_be_a_clone());
}

#[test]
fn a_login_needs_the_users_handle_and_a_second_factor_no_other() {
    let authenticator = Authenticator::new(Algorithm::EdDsa);
    let stored = authenticator.stored();
    let mut json = authenticator.sign(&authenticator.assert());
    for absent in [json!(null), json!("")] {
        json["response"]["userHandle"] = absent;
        assert_eq!(verify(&json, &stored, LOGIN()), Err(Refused::NoUserHandle));
        assert!(verify(&json, &stored, FACTOR()).is_ok());
    }
    json["response"].as_object_mut().unwrap().remove("userHandle");
    assert_eq!(verify(&json, &stored, LOGIN()), Err(Refused::NoUserHandle));
    assert!(verify(&json, &stored, FACTOR()).is_ok());
    for other in ["CQ", &"CQkJ".repeat(21)] {
        json["response"]["userHandle"] = other.into();
        assert_eq!(verify(&json, &stored, LOGIN()), Err(Refused::UserHandle));
        assert_eq!(verify(&json, &stored, FACTOR()), Err(Refused::UserHandle));
    }
}

#[test]
fn user_verification_is_as_asked() {
    let authenticator = Authenticator::new(Algorithm::EdDsa);
    let mut parts = authenticator.assert();
    parts.flags = UP | BE;
    let json = authenticator.sign(&parts);
    for verification in [UserVerification::Preferred, UserVerification::Discouraged] {
        for demand in
            [Demand::discoverable_login(verification), Demand::second_factor(verification)]
        {
            let asserted = verify(&json, &authenticator.stored(), demand).unwrap();
            assert_eq!((asserted.user_verified, asserted.backed_up), (false, false));
        }
    }
    assert_eq!(verify(&json, &authenticator.stored(), FACTOR()), Err(Refused::UserVerification));
    let other = Challenge::from_bytes([0; 32]);
    let assertion = Assertion::read(&json.to_string()).unwrap();
    let refused = assertion.verify(&example(), &other, &authenticator.stored(), FACTOR());
    assert_eq!(refused, Err(Refused::Challenge));
}

#[test]
fn extensions_are_ignored_and_an_ineligible_credential_stays_so() {
    let authenticator = Authenticator::new(Algorithm::Es256);
    let mut parts = authenticator.assert();
    (parts.flags, parts.extensions) = (UP | UV | ED, map(&[]));
    let json = authenticator.sign(&parts);
    let device_bound = StoredCredential { backup_eligible: false, ..authenticator.stored() };
    assert!(verify(&json, &device_bound, LOGIN()).is_ok());
    let json = authenticator.sign(&authenticator.assert());
    assert_eq!(verify(&json, &device_bound, LOGIN()), Err(Refused::BackupEligibility));
}

#[test]
fn only_what_to_json_gives_is_read() {
    let authenticator = Authenticator::new(Algorithm::EdDsa);
    let valid = authenticator.sign(&authenticator.assert());
    for member in ["clientDataJSON", "authenticatorData", "signature"] {
        let read = |value: Value| {
            let mut json = valid.clone();
            json["response"][member] = value;
            Assertion::read(&json.to_string()).map(|_| ()).unwrap_err()
        };
        assert_eq!(read(json!(null)), Malformed::Json);
        assert_eq!(read(json!("AA==")), Malformed::Encoding(member));
        assert_eq!(read(json!("")), Malformed::Length(member));
        assert_eq!(read("A".repeat(8000).into()), Malformed::Length(member));
    }
    let mut json = valid;
    json["response"]["userHandle"] = "A".repeat(87).into();
    assert_eq!(Assertion::read(&json.to_string()).unwrap_err(), Malformed::Length("userHandle"));
}
