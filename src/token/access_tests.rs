//! Forged, altered and foreign access tokens (RFC 8725; RFC 9068, section 4).

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use jsonwebtoken::{EncodingKey, Header, crypto::sign};
use serde_json::{Value, json};
use uuid::Uuid;

use super::*;
use crate::{
    domain::{AuthMethod, CLOCK_SKEW, KeySchedule, KeyTimes},
    token::{Algorithm, MasterKey},
};

const AUDIENCE: &str = "countersign";

/// Time from generating a key to its first signature.
const LEAD: Duration = Duration::from_secs(30 * 60);

/// An issuer and verifier, with its private key.
struct Issuer {
    tokens: AccessTokens,
    algorithm: Algorithm,
    private_key: EncodingKey,
}

/// Any key of that algorithm.
fn key(algorithm: Algorithm) -> SigningKey {
    pair(algorithm).0
}

/// Any key of that algorithm, and its private part for jsonwebtoken, which signs by any algorithm.
fn pair(algorithm: Algorithm) -> (SigningKey, EncodingKey) {
    if algorithm == Algorithm::Hs256 {
        let secret = [7; 32];
        return (SigningKey::from_secret(&secret), EncodingKey::from_secret(&secret));
    }
    let master = MasterKey::parse(&MasterKey::generate_text()).unwrap();
    let (id, pkcs8) = (Uuid::now_v7(), SigningKey::generate(algorithm).unwrap());
    let sealed = SigningKey::seal(&master, id, &pkcs8).unwrap();
    let private_key = match algorithm {
        Algorithm::Es256 => EncodingKey::from_ec_der(&pkcs8),
        Algorithm::EdDsa => EncodingKey::from_ed_der(&pkcs8),
        // The PKCS #1 key inside.
        Algorithm::Rs256 | Algorithm::Hs256 => EncodingKey::from_rsa_der(&pkcs8[26..]),
    };
    (SigningKey::open(&master, id, algorithm, &sealed).unwrap(), private_key)
}

fn issuer(algorithm: Algorithm) -> Issuer {
    let (key, private_key) = pair(algorithm);
    Issuer { tokens: AccessTokens::new(KeyRing::of_one(key), settings()), algorithm, private_key }
}

fn settings() -> Settings {
    Settings { issuer: "https://auth.example.com".into(), ttl: Duration::from_secs(900) }
}

fn now() -> Timestamp {
    Timestamp::from_unix_micros(1_800_000_000_000_000)
}

fn later(seconds: u64) -> Timestamp {
    now().plus(Duration::from_secs(seconds))
}

fn issue(tokens: &AccessTokens, now: Timestamp) -> String {
    let user = User { roles: vec!["admin".into()], ..User::sample(now) };
    let session = Session {
        audience: AUDIENCE.into(),
        methods: vec![AuthMethod::Password],
        ..Session::sample(user.id, now, now.plus(Duration::from_secs(1000)))
    };
    tokens.issue(&user, &session, now).unwrap().jwt
}

/// The claims of a user's token.
fn users(claims: Claims) -> UserClaims {
    let Claims::User(claims) = claims else { panic!("{claims:?}") };
    *claims
}

impl Issuer {
    fn issue(&self) -> String {
        issue(&self.tokens, now())
    }

    fn accepts(&self, jwt: &str) -> bool {
        self.tokens.verify(jwt, &[AUDIENCE.into()], now()).is_ok()
    }

    /// A token of these parts with a valid signature, so that only its contents can be refused.
    fn signed(&self, header: &Value, claims: &Value) -> String {
        let text = format!("{}.{}", encode(header), encode(claims));
        let signature = sign(text.as_bytes(), &self.private_key, self.algorithm.jws());
        format!("{text}.{}", signature.unwrap())
    }
}

fn encode(part: &Value) -> String {
    BASE64.encode(part.to_string())
}

fn parts(jwt: &str) -> (Value, Value) {
    let part = |number| {
        let bytes = BASE64.decode(jwt.split('.').nth(number).unwrap()).unwrap();
        serde_json::from_slice(&bytes).unwrap()
    };
    (part(0), part(1))
}

#[test]
fn what_was_issued_verifies_until_it_expires_and_for_its_audience_only() {
    for algorithm in [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Rs256, Algorithm::Hs256] {
        let issuer = issuer(algorithm);
        let jwt = issuer.issue();
        let verify = |audience: &str, time| issuer.tokens.verify(&jwt, &[audience.into()], time);
        let claims = users(verify(AUDIENCE, later(899)).unwrap().claims);
        assert_eq!(
            (claims.preferred_username.as_str(), claims.exp - claims.iat),
            ("alice", 900 + 5)
        );
        assert!(verify(AUDIENCE, later(900)).is_err(), "{algorithm}: expired");
        assert!(verify("other", now()).is_err(), "{algorithm}: another audience");
        let (header, claims) = parts(&jwt);
        assert!(issuer.accepts(&issuer.signed(&header, &claims)), "the forge itself works");
    }
}

#[test]
fn the_algorithm_is_ours_whatever_the_header_says() {
    let issuer = issuer(Algorithm::Es256);
    let (header, claims) = parts(&issuer.issue());
    let public = serde_json::to_vec(&issuer.tokens.ring().public_keys(now())).unwrap();
    for algorithm in ["none", "NoNe", "NONE", "", "HS256", "ES384", "RS256", "EdDSA", "es256"] {
        let mut header = header.clone();
        header["alg"] = algorithm.into();
        assert!(!issuer.accepts(&issuer.signed(&header, &claims)), "{algorithm}");
        let unsigned = format!("{}.{}", encode(&header), encode(&claims));
        assert!(!issuer.accepts(&unsigned) && !issuer.accepts(&format!("{unsigned}.")));
        // Signed as HMAC, with the public key as the secret (algorithm confusion).
        let mac =
            sign(unsigned.as_bytes(), &EncodingKey::from_secret(&public), Header::default().alg);
        assert!(!issuer.accepts(&format!("{unsigned}.{}", mac.unwrap())));
    }
    let unsigned = format!("{}.{}", encode(&header), encode(&claims));
    let zero = BASE64.encode([0; 64]);
    assert!(!issuer.accepts(&format!("{unsigned}.")), "no signature");
    assert!(!issuer.accepts(&format!("{unsigned}.{zero}")), "r = s = 0");
}

/// Even with the right key: RSA and HMAC keys fit several algorithms.
#[test]
fn another_algorithm_of_the_same_family_is_refused() {
    use jsonwebtoken::Algorithm::{HS384, HS512, PS256, RS384, RS512};
    for (algorithm, others) in
        [(Algorithm::Rs256, &[RS384, RS512, PS256][..]), (Algorithm::Hs256, &[HS384, HS512])]
    {
        let issuer = issuer(algorithm);
        let (mut header, claims) = parts(&issuer.issue());
        for other in others {
            header["alg"] = serde_json::to_value(other).unwrap();
            let text = format!("{}.{}", encode(&header), encode(&claims));
            let signature = sign(text.as_bytes(), &issuer.private_key, *other).unwrap();
            assert!(!issuer.accepts(&format!("{text}.{signature}")), "{other:?}");
        }
    }
}

#[test]
fn keys_in_the_header_are_not_used_and_critical_extensions_are_refused() {
    let (issuer, stranger) = (issuer(Algorithm::Es256), issuer(Algorithm::Es256));
    let (header, claims) = parts(&issuer.issue());
    let key = serde_json::to_value(&stranger.tokens.ring().public_keys(now())[0]).unwrap();
    for (name, value) in [
        ("jwk", key),
        ("jku", json!("https://evil.example.com/jwks.json")),
        ("x5u", json!("https://evil.example.com/cert.pem")),
        ("x5c", json!(["AAAA"])),
    ] {
        let mut header = header.clone();
        header[name] = value;
        assert!(!issuer.accepts(&stranger.signed(&header, &claims)), "{name}");
    }
    for (name, value) in [
        ("crit", json!(["exp"])),
        ("crit", json!([])),
        ("typ", json!("JWT")),
        ("typ", json!("AT+JWT ")),
        ("typ", Value::Null),
        ("kid", json!("other")),
        ("kid", json!("../../dev/null")),
        ("kid", json!(7)),
    ] {
        let mut header = header.clone();
        header[name] = value.clone();
        assert!(!issuer.accepts(&issuer.signed(&header, &claims)), "{name}: {value}");
    }
    for name in ["typ", "kid", "alg"] {
        let mut header = header.clone();
        header.as_object_mut().unwrap().remove(name);
        assert!(!issuer.accepts(&issuer.signed(&header, &claims)), "no {name}");
    }
}

#[test]
fn each_claim_is_needed_and_of_its_type() {
    let issuer = issuer(Algorithm::Es256);
    let (header, claims) = parts(&issuer.issue());
    for name in claims.as_object().unwrap().keys() {
        let mut without = claims.clone();
        without.as_object_mut().unwrap().remove(name);
        // Earlier releases issued tokens without `acr`.
        let needed = !["roles", "acr"].contains(&name.as_str());
        assert_eq!(issuer.accepts(&issuer.signed(&header, &without)), !needed, "no {name}");
        for wrong in [Value::Null, json!({}), json!([[]]), json!(true), json!(1.5)] {
            let mut changed = claims.clone();
            changed[name] = wrong.clone();
            assert!(!issuer.accepts(&issuer.signed(&header, &changed)), "{name}: {wrong}");
        }
    }
    for (name, value) in [
        ("iss", json!("https://auth.example.com/")),
        ("iss", json!("https://evil.example.com")),
        ("aud", json!(["countersign", "other"])),
        ("exp", json!(now().unix_seconds())),
        ("exp", json!("9999999999")),
        ("iat", json!(now().plus(CLOCK_SKEW).unix_seconds() + 1)),
        ("sub", json!("alice")),
    ] {
        let mut changed = claims.clone();
        changed[name] = value.clone();
        assert!(!issuer.accepts(&issuer.signed(&header, &changed)), "{name}: {value}");
    }
}

#[test]
fn every_changed_character_and_every_part_of_a_token_is_refused() {
    let issuer = issuer(Algorithm::Es256);
    let jwt = issuer.issue();
    for place in 0..jwt.len() {
        let mut bytes = jwt.clone().into_bytes();
        bytes[place] = if bytes[place] == b'A' { b'B' } else { b'A' };
        assert!(!issuer.accepts(std::str::from_utf8(&bytes).unwrap()), "character {place}");
        assert!(!issuer.accepts(&jwt[..place]) && !issuer.accepts(&jwt[place + 1..]));
    }
    for other in ["", ".", "..", "...", &format!("{jwt}."), &format!(" {jwt}"), &format!("{jwt}\n")]
    {
        assert!(!issuer.accepts(other), "{other:?}");
    }
}

#[test]
fn tokens_of_other_keys_and_opaque_ones_are_refused() {
    let strangers = [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Hs256].map(issuer);
    let issuer = issuer(Algorithm::Es256);
    for stranger in strangers {
        assert!(!issuer.accepts(&stranger.issue()), "{}", stranger.algorithm);
    }
    let opaque = crate::token::OpaqueToken::generate(&mut rand::rng());
    assert!(!issuer.accepts(opaque.expose()), "a challenge id");
}

/// Two keys of that algorithm: the second takes over a day from now. Perhaps one is retired.
fn ring(keys: &[SigningKey; 2], retired: Option<usize>) -> KeyRing {
    let times = [0, DAY].into_iter().zip(keys).enumerate().map(|(place, (from, key))| KeyTimes {
        kid: key.kid().to_owned(),
        algorithm: key.algorithm().as_str().to_owned(),
        generation: i64::try_from(place).unwrap() + 1,
        created_at: later(from).minus(LEAD),
        signs_from: later(from),
        retired_at: (retired == Some(place)).then(|| later(DAY + 10)),
    });
    let algorithm = keys[0].algorithm().as_str();
    let schedule = KeySchedule::new(times.collect(), algorithm, settings().ttl);
    KeyRing::new(schedule, keys.clone())
}

const DAY: u64 = 24 * 3600;

#[test]
fn one_key_takes_over_from_another_and_tokens_of_both_are_good_until_they_expire() {
    for algorithm in [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Rs256] {
        let keys = [key(algorithm), key(algorithm)];
        let tokens = AccessTokens::new(ring(&keys, None), settings());
        let kid = |jwt: &str| parts(jwt).0["kid"].as_str().unwrap().to_owned();
        let verify = |jwt: &str, time| tokens.verify(jwt, &[AUDIENCE.into()], later(time)).is_ok();
        let (last, first) = (issue(&tokens, later(DAY - 1)), issue(&tokens, later(DAY)));
        assert_eq!([kid(&last), kid(&first)], [keys[0].kid(), keys[1].kid()]);
        assert!(verify(&last, DAY - 1 + 899) && verify(&first, DAY + 899), "{algorithm}");
        let published = |time| {
            let kids: Vec<_> =
                tokens.ring().published(later(time)).map(|key| key.kid().to_owned()).collect();
            kids
        };
        let [old, new] = [keys[0].kid(), keys[1].kid()];
        assert_eq!(published(0), [old, new], "the one that signs comes first");
        assert_eq!(published(DAY), [new, old]);
        assert_eq!(published(DAY + 900), [new, old]);
        assert_eq!(published(DAY + 1800), [new]);
    }
}

#[test]
fn tokens_of_a_retired_key_are_refused_as_soon_as_the_ring_is_replaced() {
    let keys = [key(Algorithm::Es256), key(Algorithm::Es256)];
    let tokens = AccessTokens::new(ring(&keys, None), settings());
    let shared = tokens.clone();
    let (old, new) = (issue(&tokens, later(DAY - 1)), issue(&tokens, later(DAY)));
    let verify = |jwt: &str| shared.verify(jwt, &[AUDIENCE.into()], later(DAY + 10)).is_ok();
    assert!(verify(&old) && verify(&new));
    tokens.replace(ring(&keys, Some(0)));
    assert!(!verify(&old) && verify(&new), "the clone has the same keys");
    assert_eq!(shared.ring().public_keys(later(DAY + 10)).len(), 1);
}

/// Authlib's RFC 9068 validator refuses a token with an empty list.
#[test]
fn roles_are_left_out_where_there_are_none() {
    let issuer = issuer(Algorithm::Es256);
    let (header, mut claims) = parts(&issuer.issue());
    assert_eq!(claims["roles"], json!(["admin"]));
    claims["roles"] = json!([]);
    let accepted = issuer.signed(&header, &claims);
    let read = users(issuer.tokens.verify(&accepted, &[AUDIENCE.into()], now()).unwrap().claims);
    assert!(read.roles.is_empty(), "as those of the release before");
    let written = serde_json::to_value(&read).unwrap();
    assert!(written.get("roles").is_none() && written.get("amr").is_some(), "{written}");
}

#[test]
fn without_a_key_nothing_is_signed_or_accepted() {
    let jwt = issuer(Algorithm::Es256).issue();
    let none = KeyRing::new(KeySchedule::new(Vec::new(), "ES256", settings().ttl), []);
    let tokens = AccessTokens::new(none, settings());
    assert!(tokens.verify(&jwt, &[AUDIENCE.into()], now()).is_err());
    let user = User::sample(now());
    let session = Session::sample(user.id, now(), later(1));
    assert!(matches!(tokens.issue(&user, &session, now()), Err(KeyError::Missing)));
}

/// Across replicas: one issues, another verifies.
#[test]
fn clocks_may_differ_by_what_replicas_may() {
    let issuer = issuer(Algorithm::Es256);
    let (header, mut claims) = parts(&issuer.issue());
    claims["iat"] = json!(now().plus(CLOCK_SKEW).unix_seconds());
    assert!(issuer.accepts(&issuer.signed(&header, &claims)));
}
