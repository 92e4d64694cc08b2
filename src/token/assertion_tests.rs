//! Forged, altered and foreign assertions (RFC 8725; RFC 7523, section 3; JWT-SVID).

use jsonwebtoken::EncodingKey;
use serde_json::{Value, json};

use super::*;
use crate::token::signer_of_tests::{Signer, encode};

const NOW: i64 = 1_800_000_000;
const HOUR: Duration = Duration::from_secs(3600);

fn now() -> Timestamp {
    Timestamp::from_unix_micros(NOW * 1_000_000)
}

/// The claims of a service's assertion.
fn claims() -> Value {
    json!({
        "iss": "7e1d", "sub": "7e1d", "aud": "https://auth.example.com",
        "exp": NOW + 300, "iat": NOW, "nbf": NOW, "jti": "one",
    })
}

/// Those claims, one of them changed, or without it.
fn with(name: &str, value: impl Into<Value>) -> Value {
    let (mut claims, value) = (claims(), value.into());
    let members = claims.as_object_mut().unwrap();
    if value.is_null() {
        members.remove(name)
    } else {
        members.insert(name.to_owned(), value)
    };
    claims
}

fn verify_as(
    kind: AssertionKind,
    jwt: &str,
    keys: &KeySet,
) -> Result<VerifiedAssertion, AssertionRefused> {
    let audiences = ["https://auth.example.com", "https://auth.example.com/oauth2/token"];
    let audiences = audiences.map(str::to_owned);
    Assertion::verify(
        jwt,
        keys,
        &AssertionRules { kind, audiences: &audiences, longest: HOUR },
        now(),
    )
}

fn verify(jwt: &str, keys: &KeySet) -> Result<VerifiedAssertion, AssertionRefused> {
    verify_as(AssertionKind::Jwt, jwt, keys)
}

/// Why these claims are refused, rightly signed.
fn refused(claims: &Value) -> AssertionRefused {
    let signer = Signer::new("ES256", "a");
    verify(&signer.sign(claims), &signer.keys()).unwrap_err()
}

#[test]
fn each_allowed_algorithm_is_verified_by_the_key_of_its_type_alone() {
    let names = ["ES256", "ES384", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "EdDSA"];
    let signers = names.map(|name| Signer::new(name, "a"));
    for (name, signer) in names.into_iter().zip(&signers) {
        let jwt = signer.sign(&claims());
        let verified = verify(&jwt, &signer.keys()).unwrap();
        assert_eq!(verified.issuer.as_deref(), Some("7e1d"), "{name}");
        assert_eq!(verified.subject.as_deref(), Some("7e1d"));
        assert_eq!(verified.jti.as_deref(), Some("one"));
        assert_eq!(verified.expires_at, now().plus(Duration::from_secs(360)));
        assert_eq!(verified.issued_at, Some(now()));
        // By the key of another of that type, and by all of other types.
        let other = verify(&jwt, &Signer::new(name, "a").keys());
        assert_eq!(other, Err(AssertionRefused::Signature), "{name}");
        for (_, foreign) in names.into_iter().zip(&signers).filter(|(other, _)| *other != name) {
            assert!(verify(&jwt, &foreign.keys()).is_err(), "{name}");
        }
        // A key that names another algorithm.
        let mut bound = signer.jwk.clone();
        bound["alg"] = if name == "RS256" { "PS256".into() } else { name.into() };
        let bound = KeySet::parse(json!({ "keys": [bound] }).to_string().as_bytes()).unwrap();
        assert_eq!(verify(&jwt, &bound).is_ok(), name != "RS256", "{name}");
    }
    let [.., ed] = &signers;
    let jwt = ed.sign_parts(&json!({"alg": "Ed25519"}), &claims().to_string());
    assert!(verify(&jwt, &ed.keys()).is_ok());
}

#[test]
fn what_is_not_signed_by_the_key_is_refused() {
    let signer = Signer::new("RS256", "a");
    let keys = signer.keys();
    let body = encode(&claims().to_string());
    for alg in ["none", "NoNe", "", "HS256", "ES512"] {
        let header = json!({"alg": alg, "kid": "a"});
        let unsigned = format!("{}.{body}.", encode(&header.to_string()));
        assert_eq!(verify(&unsigned, &keys), Err(AssertionRefused::Algorithm), "{alg}");
    }
    // HS256 with the public key as the secret, however that is written.
    let signed = format!("{}.{body}", encode(r#"{"alg":"HS256","kid":"a"}"#));
    for secret in [signer.jwks(), signer.jwk.to_string(), signer.jwk["n"].to_string()] {
        let secret = EncodingKey::from_secret(secret.as_bytes());
        let mac = crypto::sign(signed.as_bytes(), &secret, jsonwebtoken::Algorithm::HS256).unwrap();
        assert_eq!(verify(&format!("{signed}.{mac}"), &keys), Err(AssertionRefused::Algorithm));
    }
    let es256 = Signer::new("ES256", "a");
    let zeros = "A".repeat(86);
    let signed = format!("{}.{body}", encode(&es256.header().to_string()));
    for signature in [zeros.as_str(), "", "AAAA", "===", "🔑"] {
        let jwt = format!("{signed}.{signature}");
        assert_eq!(verify(&jwt, &es256.keys()), Err(AssertionRefused::Signature), "{signature}");
    }
    // Each part of another assertion.
    let (one, two) = (es256.sign(&claims()), es256.sign(&with("sub", "other")));
    let [one, two] = [&one, &two].map(|jwt| jwt.split('.').collect::<Vec<_>>());
    let mixed = [one[0], two[1], one[2]].join(".");
    assert_eq!(verify(&mixed, &es256.keys()), Err(AssertionRefused::Signature));
    assert_eq!(verify(&one.join("."), &KeySet::default()), Err(AssertionRefused::UnknownKey));
}

#[test]
fn the_header_chooses_a_key_and_nothing_else() {
    let signer = Signer::new("ES256", "a");
    let signed =
        |header: Value| verify(&signer.sign_parts(&header, &claims().to_string()), &signer.keys());
    for good in [
        json!({"alg": "ES256"}),
        json!({"alg": "ES256", "kid": "a", "typ": "jwt"}),
        json!({"alg": "ES256", "typ": "JOSE"}),
        json!({"alg": "ES256", "typ": "client-authentication+jwt"}),
        json!({"alg": "ES256", "typ": "application/client-authentication+jwt"}),
        json!({"alg": "ES256", "jku": "https://evil.example", "x5u": 7, "jwk": {}, "x5c": []}),
    ] {
        assert!(signed(good.clone()).is_ok(), "{good}");
    }
    for (bad, why) in [
        (json!({"alg": "ES256", "typ": "at+jwt"}), AssertionRefused::Type),
        (json!({"alg": "ES256", "typ": "application/at+jwt"}), AssertionRefused::Type),
        (json!({"alg": "ES256", "typ": ""}), AssertionRefused::Type),
        (json!({"alg": "ES256", "crit": ["exp"]}), AssertionRefused::Critical),
        (json!({"alg": "ES256", "crit": [], "exp": 1}), AssertionRefused::Critical),
        (json!({"alg": "ES256", "kid": "b"}), AssertionRefused::UnknownKey),
        (json!({"alg": "ES384", "kid": "a"}), AssertionRefused::UnknownKey),
        (json!({"kid": "a"}), AssertionRefused::NoJwt),
        (json!({"alg": "ES256", "kid": 1}), AssertionRefused::NoJwt),
        (json!([]), AssertionRefused::NoJwt),
    ] {
        assert_eq!(signed(bad.clone()), Err(why), "{bad}");
    }
}

#[test]
fn without_a_key_id_each_key_of_the_type_is_tried() {
    let signers = [(); 9].map(|()| Signer::new("ES256", "a"));
    let keys = |count: usize| {
        let keys: Vec<_> = signers[9 - count..].iter().map(|signer| &signer.jwk).collect();
        KeySet::parse(json!({ "keys": keys }).to_string().as_bytes()).unwrap()
    };
    let jwt = signers[8].sign_parts(&json!({"alg": "ES256"}), &claims().to_string());
    assert!(verify(&jwt, &keys(8)).is_ok());
    assert_eq!(verify(&jwt, &keys(9)), Err(AssertionRefused::Signature));
}

#[test]
fn the_audience_must_be_this_service() {
    let signer = Signer::new("ES256", "a");
    for good in [
        json!("https://auth.example.com"),
        json!("https://auth.example.com/oauth2/token"),
        json!(["https://other.example", "https://auth.example.com"]),
    ] {
        assert!(verify(&signer.sign(&with("aud", good)), &signer.keys()).is_ok());
    }
    for bad in [
        Value::Null,
        json!([]),
        json!(""),
        json!("https://auth.example.com/"),
        json!("https://other.example"),
        json!(["https://other.example"]),
    ] {
        let refused = refused(&with("aud", bad.clone()));
        assert!(matches!(refused, AssertionRefused::Audience(_)), "{bad}: {refused}");
        assert!(refused.to_string().contains("https://auth.example.com or https"), "{refused}");
    }
}

#[test]
fn its_times_are_checked_with_a_minute_of_skew() {
    let signer = Signer::new("ES256", "a");
    for good in [
        with("exp", NOW - 59),
        with("exp", NOW as f64 + 299.75),
        with("exp", NOW + 3660),
        with("nbf", NOW + 60),
        with("iat", NOW + 60),
        with("nbf", Value::Null),
        with("iat", Value::Null),
        with("iat", NOW - 86_400 * 365),
    ] {
        let verified = verify(&signer.sign(&good), &signer.keys());
        assert!(verified.is_ok(), "{good}: {verified:?}");
    }
    let year = Duration::from_secs(86_400 * 365);
    for (bad, why) in [
        (with("exp", Value::Null), AssertionRefused::NoExpiry),
        (with("exp", NOW - 60), AssertionRefused::Expired(Duration::from_secs(60))),
        (
            with("exp", NOW + 86_400 * 365),
            AssertionRefused::TooLongLived { ahead: year, longest: HOUR },
        ),
        (
            with("exp", NOW + 3661),
            AssertionRefused::TooLongLived { ahead: Duration::from_secs(3661), longest: HOUR },
        ),
        (with("nbf", NOW + 61), AssertionRefused::NotYet(Duration::from_secs(61))),
        (with("iat", NOW + 61), AssertionRefused::FromTheFuture(Duration::from_secs(61))),
        (with("exp", "soon"), AssertionRefused::Claims),
        (with("exp", -1), AssertionRefused::Claims),
        (with("exp", 1e300), AssertionRefused::Claims),
        (with("aud", 7), AssertionRefused::Claims),
        (with("sub", json!(["7e1d"])), AssertionRefused::Claims),
        (with("jti", 1), AssertionRefused::Claims),
    ] {
        assert_eq!(refused(&bad), why, "{bad}");
    }
    assert!(verify(&signer.sign(&with("jti", "")), &signer.keys()).unwrap().jti.is_none());
}

#[test]
fn what_is_no_jwt_or_says_something_twice_is_refused() {
    let signer = Signer::new("ES256", "a");
    let twice = claims().to_string().replacen('{', r#"{"sub":"admin","#, 1);
    for bad in [twice.as_str(), "[]", "7", "", "{"] {
        let jwt = signer.sign_parts(&signer.header(), bad);
        assert_eq!(verify(&jwt, &signer.keys()), Err(AssertionRefused::Claims), "{bad}");
        assert_eq!(Assertion::peek(&jwt), None, "{bad}");
    }
    let good = signer.sign(&claims());
    for bad in [String::new(), "..".into(), "a.b".into(), format!("{good}.e30"), format!(" {good}")]
    {
        assert_eq!(verify(&bad, &signer.keys()), Err(AssertionRefused::NoJwt), "{bad}");
        assert_eq!(Assertion::peek(&bad), None, "{bad}");
    }
    let long = signer.sign(&with("more", "x".repeat(LONGEST_ASSERTION)));
    assert_eq!(verify(&long, &signer.keys()), Err(AssertionRefused::TooLong));
    assert_eq!(Assertion::peek(&long), None);
    let peeked = Assertion::peek(&good).unwrap();
    let id = Some("7e1d".to_owned());
    assert_eq!(peeked, Peeked { issuer: id.clone(), subject: id });
}

#[test]
fn a_jwt_svid_has_a_key_id_and_a_key_of_its_own_kind_and_no_eddsa() {
    let svid = |signer: &Signer, header: &Value, purpose: Option<&str>| {
        let mut jwk = signer.jwk.clone();
        if let Some(purpose) = purpose {
            jwk["use"] = purpose.into();
        }
        let keys = KeySet::parse(json!({ "keys": [jwk] }).to_string().as_bytes()).unwrap();
        let jwt = signer.sign_parts(header, &with("iss", Value::Null).to_string());
        verify_as(AssertionKind::JwtSvid, &jwt, &keys)
    };
    let signer = Signer::new("ES256", "a");
    assert!(svid(&signer, &signer.header(), Some("jwt-svid")).is_ok());
    for purpose in [None, Some("sig"), Some("x509-svid")] {
        let refused = svid(&signer, &signer.header(), purpose);
        assert_eq!(refused, Err(AssertionRefused::UnknownKey), "{purpose:?}");
    }
    let unnamed = svid(&signer, &json!({"alg": "ES256"}), Some("jwt-svid"));
    assert_eq!(unnamed, Err(AssertionRefused::NoKeyId));
    let ed = Signer::new("EdDSA", "a");
    let by_eddsa = svid(&ed, &ed.header(), Some("jwt-svid"));
    assert_eq!(by_eddsa, Err(AssertionRefused::SvidAlgorithm));
}
