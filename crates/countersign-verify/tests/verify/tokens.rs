//! Forged, altered and foreign access tokens (RFC 8725; RFC 9068, section 4).

use std::time::{Duration, SystemTime};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use countersign_verify::{Accept, SharedSecret, Verifier, VerifyError};
use jsonwebtoken::{Algorithm, EncodingKey, crypto::sign};
use serde_json::{Value, json};

use super::{
    Fake, Issuer, following,
    issuer::{self, claims, now},
    settings,
};

/// A verifier that knows one key, and what tries to fool it.
struct Forge {
    issuer: Issuer,
    verifier: Verifier,
    _stream: super::fake::Stream,
}

impl Forge {
    async fn new(algorithm: Algorithm) -> Self {
        let issuer = Issuer::new(algorithm);
        let mut fake = Fake::new([issuer.public()]);
        let (verifier, stream) = following(&mut fake, settings()).await;
        assert!(verifier.verify(&issuer.token()).await.is_ok(), "the forge itself works");
        Self { issuer, verifier, _stream: stream }
    }

    async fn refuses(&self, jwt: &str, what: &str) {
        assert_eq!(self.verifier.verify(jwt).await, Err(VerifyError::Invalid), "{what}");
    }

    async fn refuses_header(&self, name: &str, value: Value) {
        let mut header = self.issuer.header();
        header[name] = value.clone();
        self.refuses(&self.issuer.signed(&header, &claims()), &format!("{name}: {value}")).await;
    }

    async fn refuses_claim(&self, name: &str, value: Value) {
        let mut claims = claims();
        claims[name] = value.clone();
        let jwt = self.issuer.signed(&self.issuer.header(), &claims);
        self.refuses(&jwt, &format!("{name}: {value}")).await;
    }
}

fn without(value: &Value, name: &str) -> Value {
    let mut value = value.clone();
    value.as_object_mut().unwrap().remove(name);
    value
}

#[tokio::test(start_paused = true)]
async fn tokens_of_each_published_key_verify_until_they_expire_give_or_take_the_leeway() {
    for algorithm in [Algorithm::ES256, Algorithm::EdDSA, Algorithm::RS256] {
        let Forge { issuer, verifier, .. } = Forge::new(algorithm).await;
        let jwt = issuer.token();
        let later = |seconds| SystemTime::now() + Duration::from_secs(seconds);
        let claims = verifier.verify(&jwt).await.unwrap();
        let user = claims.user().unwrap();
        assert_eq!((user.preferred_username.as_str(), claims.exp - claims.iat), ("alice", 900));
        assert!(user.has_role("admin") && !user.has_role("adm"));
        let users = Accept::users();
        let at = async |seconds| verifier.verify_at(&users, &jwt, later(seconds)).await;
        assert!(at(903).await.is_ok(), "within the leeway");
        assert!(at(906).await.is_err(), "expired");
    }
}

/// The server leaves out what would be empty.
#[tokio::test(start_paused = true)]
async fn a_token_without_roles_is_good_and_gives_none() {
    let Forge { issuer, verifier, _stream } = Forge::new(Algorithm::ES256).await;
    let jwt = issuer.signed(&issuer.header(), &without(&claims(), "roles"));
    assert!(verifier.verify(&jwt).await.unwrap().user().unwrap().roles.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_secret_counts_where_it_is_configured_and_only_for_hs256() {
    let secret = [7; 32];
    let (issuer, mut fake) = (Issuer::with_secret(&secret), Fake::new([]));
    let (plain, _stream) = following(&mut fake, settings()).await;
    assert!(plain.verify(&issuer.token()).await.is_err(), "no secret is configured");
    let mut settings = settings();
    settings.shared_secret = Some(SharedSecret::parse(&secret).unwrap());
    assert!(!format!("{settings:?}").contains("7, 7"));
    let (verifier, _stream) = following(&mut fake, settings).await;
    assert!(verifier.verify(&issuer.token()).await.is_ok());
    let other = Issuer::with_secret(&[8; 32]);
    assert!(verifier.verify(&other.token()).await.is_err(), "another secret");
    assert!(SharedSecret::parse(&[7; 31]).is_err());
}

#[tokio::test(start_paused = true)]
async fn algorithms_that_are_not_allowed_have_no_keys() {
    let (ec, ed) = (Issuer::new(Algorithm::ES256), Issuer::new(Algorithm::EdDSA));
    let mut fake = Fake::new([ec.public(), ed.public()]);
    let mut settings = settings();
    settings.algorithms = vec![countersign_verify::Algorithm::EdDsa];
    let (verifier, _stream) = following(&mut fake, settings).await;
    assert!(verifier.verify(&ed.token()).await.is_ok());
    assert!(verifier.verify(&ec.token()).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn the_algorithm_is_the_keys_whatever_the_header_says() {
    let forge = Forge::new(Algorithm::ES256).await;
    let public = forge.issuer.public();
    let secrets = [serde_json::to_vec(&json!({"x": public.x, "y": public.y})).unwrap(), {
        let point = [BASE64.decode(&public.x).unwrap(), BASE64.decode(&public.y).unwrap()];
        [vec![4], point.concat()].concat()
    }];
    for algorithm in ["none", "NoNe", "NONE", "", "HS256", "ES384", "RS256", "EdDSA", "es256"] {
        forge.refuses_header("alg", algorithm.into()).await;
        let mut header = forge.issuer.header();
        header["alg"] = algorithm.into();
        let text = format!(
            "{}.{}",
            BASE64.encode(header.to_string()),
            BASE64.encode(claims().to_string())
        );
        forge.refuses(&text, algorithm).await;
        forge.refuses(&format!("{text}."), algorithm).await;
        // Signed as HMAC, with the public key as the secret (algorithm confusion).
        for secret in &secrets {
            let key = EncodingKey::from_secret(secret);
            let mac = sign(text.as_bytes(), &key, Algorithm::HS256).unwrap();
            forge.refuses(&format!("{text}.{mac}"), algorithm).await;
        }
    }
    let jwt = forge.issuer.token();
    let (text, _signature) = jwt.rsplit_once('.').unwrap();
    for signature in [vec![], vec![0; 64], vec![0; 63], vec![0xff; 64], vec![1; 65]] {
        forge.refuses(&format!("{text}.{}", BASE64.encode(&signature)), "signature").await;
    }
}

/// With the right key, even: RSA keys fit several algorithms.
#[tokio::test(start_paused = true)]
async fn another_algorithm_of_the_same_family_is_refused() {
    let forge = Forge::new(Algorithm::RS256).await;
    for other in [Algorithm::RS384, Algorithm::RS512, Algorithm::PS256] {
        let mut header = forge.issuer.header();
        header["alg"] = format!("{other:?}").into();
        let text = format!(
            "{}.{}",
            BASE64.encode(header.to_string()),
            BASE64.encode(claims().to_string())
        );
        let signature = sign(text.as_bytes(), &forge.issuer.key, other).unwrap();
        forge.refuses(&format!("{text}.{signature}"), "another algorithm").await;
    }
}

#[tokio::test(start_paused = true)]
async fn keys_in_the_header_are_not_used_and_critical_extensions_are_refused() {
    let forge = Forge::new(Algorithm::ES256).await;
    let stranger = Issuer::new(Algorithm::ES256);
    let public = stranger.public();
    let jwk = json!({"kty": "EC", "crv": "P-256", "x": public.x, "y": public.y, "alg": "ES256"});
    for (name, value) in [
        ("jwk", jwk),
        ("jku", json!("https://evil.example.com/jwks.json")),
        ("x5u", json!("https://evil.example.com/cert.pem")),
        ("x5c", json!(["AAAA"])),
    ] {
        let mut header = forge.issuer.header();
        header[name] = value;
        forge.refuses(&stranger.signed(&header, &claims()), name).await;
    }
    for crit in [json!(["exp"]), json!([]), json!(null), json!("exp"), json!({})] {
        forge.refuses_header("crit", crit).await;
    }
    let types = ["JWT", "AT+JWT ", "jwt", "", "application/jwt", "at+jwt;x=y", "text/at+jwt"];
    for typ in types.map(Value::from).into_iter().chain([json!(null), json!(7), json!(["at+jwt"])])
    {
        forge.refuses_header("typ", typ).await;
    }
    for kid in [json!("other"), json!("../../dev/null"), json!(""), json!(7), json!(null)] {
        forge.refuses_header("kid", kid).await;
    }
    for name in ["typ", "kid", "alg"] {
        let header = without(&forge.issuer.header(), name);
        forge.refuses(&forge.issuer.signed(&header, &claims()), name).await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_type_knows_no_case_and_may_be_written_in_full() {
    let forge = Forge::new(Algorithm::ES256).await;
    for typ in ["AT+JWT", "At+Jwt", "application/at+jwt", "APPLICATION/AT+JWT"] {
        let mut header = forge.issuer.header();
        header["typ"] = typ.into();
        let jwt = forge.issuer.signed(&header, &claims());
        assert!(forge.verifier.verify(&jwt).await.is_ok(), "{typ}");
    }
}

#[tokio::test(start_paused = true)]
async fn each_claim_is_needed_and_of_its_type() {
    let forge = Forge::new(Algorithm::ES256).await;
    let (header, good) = (forge.issuer.header(), claims());
    for name in good.as_object().unwrap().keys() {
        if name != "roles" {
            forge.refuses(&forge.issuer.signed(&header, &without(&good, name)), name).await;
        }
        for wrong in [json!(null), json!({}), json!([[]]), json!(true), json!(1.5), json!("")] {
            // An empty text is of the right type for these; what it may say is the next test's matter.
            if wrong != "" || !["client_id", "preferred_username"].contains(&name.as_str()) {
                forge.refuses_claim(name, wrong).await;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn tokens_of_others_for_others_and_of_other_times_are_refused() {
    let forge = Forge::new(Algorithm::ES256).await;
    for issuer in
        ["https://auth.example.com/", "https://evil.example.com", "HTTPS://auth.example.com"]
    {
        forge.refuses_claim("iss", issuer.into()).await;
    }
    for audience in [json!("other"), json!(["other"]), json!([]), json!("order"), json!("ORDERS")] {
        forge.refuses_claim("aud", audience).await;
    }
    for (name, value) in [
        ("exp", json!(now() - 6)),
        ("exp", json!(0)),
        ("exp", json!(-1)),
        ("exp", json!("9999999999")),
        ("exp", json!(u64::MAX)),
        ("iat", json!(now() + 20)),
        ("iat", json!(i64::MAX)),
        ("nbf", json!(now() + 20)),
        ("nbf", json!("0")),
        ("sub", json!("alice")),
        ("sid", json!("1")),
    ] {
        forge.refuses_claim(name, value).await;
    }
    let mut many = claims();
    many["aud"] = json!(["other", issuer::AUDIENCE]);
    let jwt = forge.issuer.signed(&forge.issuer.header(), &many);
    assert!(forge.verifier.verify(&jwt).await.is_ok(), "one of several audiences");
}

#[tokio::test(start_paused = true)]
async fn members_that_come_twice_are_refused_and_so_is_what_is_no_object() {
    let forge = Forge::new(Algorithm::ES256).await;
    let (header, good) = (forge.issuer.header().to_string(), claims().to_string());
    for (name, value) in forge.issuer.header().as_object().unwrap() {
        let twice = header.replacen('{', &format!(r#"{{"{name}":{value},"#), 1);
        forge.refuses(&forge.issuer.signed_text(&twice, &good), name).await;
    }
    for (name, value) in claims().as_object().unwrap() {
        let twice = good.replacen('{', &format!(r#"{{"{name}":{value},"#), 1);
        forge.refuses(&forge.issuer.signed_text(&header, &twice), name).await;
    }
    for text in ["", "null", "[]", "7", "\"\"", "{", "{}", "\u{feff}{}", &format!("{good} x")] {
        forge.refuses(&forge.issuer.signed_text(text, &good), text).await;
        forge.refuses(&forge.issuer.signed_text(&header, text), text).await;
    }
}

#[tokio::test(start_paused = true)]
async fn every_changed_bit_and_every_part_of_a_token_is_refused() {
    for algorithm in [Algorithm::ES256, Algorithm::EdDSA, Algorithm::RS256] {
        let forge = Forge::new(algorithm).await;
        let jwt = forge.issuer.token();
        assert!(forge.verifier.verify(&jwt).await.is_ok(), "and is remembered");
        for place in 0..jwt.len() {
            for bit in 0..7 {
                let mut bytes = jwt.clone().into_bytes();
                bytes[place] ^= 1 << bit;
                forge.refuses(std::str::from_utf8(&bytes).unwrap(), "a bit").await;
            }
            forge.refuses(&jwt[..place], "its beginning").await;
            forge.refuses(&jwt[place + 1..], "its end").await;
        }
        let long = "A".repeat(100_000);
        let others =
            ["", ".", "..", "...", &format!("{jwt}."), &format!(" {jwt}"), &format!("{jwt}=")];
        for other in
            others.into_iter().chain([long.as_str(), &format!("{jwt}\n"), &format!(".{jwt}")])
        {
            forge.refuses(other, "not a token").await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_verifies_only_what_it_signed_itself() {
    let [one, other, ed] = [Algorithm::ES256, Algorithm::ES256, Algorithm::EdDSA].map(Issuer::new);
    let mut fake = Fake::new([one.public(), other.public(), ed.public()]);
    let (verifier, _stream) = following(&mut fake, settings()).await;
    for (signer, named) in [(&one, &other), (&other, &one), (&ed, &one), (&one, &ed)] {
        let jwt = signer.signed(&named.header(), &claims());
        assert_eq!(verifier.verify(&jwt).await, Err(VerifyError::Invalid));
        let mut header = signer.header();
        header["kid"] = named.kid.clone().into();
        assert!(verifier.verify(&signer.signed(&header, &claims())).await.is_err());
    }
}
