//! Issues tokens: good ones, and whatever else a test wants signed.

use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::{
    encoding::{AsDer as _, Pkcs8V1Der},
    rsa::{KeyPair as RsaKeyPair, KeySize},
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use jsonwebtoken::{Algorithm, EncodingKey, crypto::sign, jwk};
use serde_json::{Value, json};
use uuid::Uuid;

use super::pb::Jwk;

pub const ISSUER: &str = "https://auth.example.com";
pub const AUDIENCE: &str = "orders";

/// A key with which tokens are signed.
pub struct Issuer {
    pub kid: String,
    pub algorithm: Algorithm,
    pub key: EncodingKey,
}

impl Issuer {
    pub fn new(algorithm: Algorithm) -> Self {
        #[expect(clippy::wildcard_enum_match_arm, reason = "the tests have no others")]
        let key = match algorithm {
            Algorithm::ES256 => {
                let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
                EncodingKey::from_ec_der(pair.to_pkcs8v1().unwrap().as_ref())
            }
            Algorithm::EdDSA => {
                let pair = Ed25519KeyPair::generate().unwrap();
                EncodingKey::from_ed_der(pair.to_pkcs8v1().unwrap().as_ref())
            }
            Algorithm::RS256 => {
                let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
                let der: Pkcs8V1Der<'_> = pair.as_der().unwrap();
                // The PKCS #1 key inside, which is what jsonwebtoken takes.
                EncodingKey::from_rsa_der(&der.as_ref()[26..])
            }
            other => panic!("no keys for {other:?}"),
        };
        Self { kid: Uuid::now_v7().to_string(), algorithm, key }
    }

    pub fn with_secret(secret: &[u8]) -> Self {
        let key = EncodingKey::from_secret(secret);
        Self { kid: "hs256".to_owned(), algorithm: Algorithm::HS256, key }
    }

    /// As the server publishes it.
    pub fn public(&self) -> Jwk {
        let jwk = jwk::Jwk::from_encoding_key(&self.key, self.algorithm).unwrap();
        let members = serde_json::to_value(jwk).unwrap();
        let member = |name: &str| members[name].as_str().unwrap_or_default().to_owned();
        Jwk {
            kid: self.kid.clone(),
            kty: member("kty"),
            alg: member("alg"),
            r#use: "sig".to_owned(),
            crv: member("crv"),
            x: member("x"),
            y: member("y"),
            n: member("n"),
            e: member("e"),
        }
    }

    /// A good token.
    pub fn token(&self) -> String {
        self.signed(&self.header(), &claims())
    }

    /// A token with these claims.
    pub fn token_of(&self, claims: &Value) -> String {
        self.signed(&self.header(), claims)
    }

    pub fn header(&self) -> Value {
        json!({ "typ": "at+jwt", "alg": format!("{:?}", self.algorithm), "kid": self.kid })
    }

    /// A token of these parts with a valid signature, so that only its contents can be refused.
    pub fn signed(&self, header: &Value, claims: &Value) -> String {
        self.signed_text(&header.to_string(), &claims.to_string())
    }

    pub fn signed_text(&self, header: &str, claims: &str) -> String {
        let text = format!("{}.{}", BASE64.encode(header), BASE64.encode(claims));
        let signature = sign(text.as_bytes(), &self.key, self.algorithm).unwrap();
        format!("{text}.{signature}")
    }
}

pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// The claims of a service's token. Without a word in `scope` there is no such claim.
pub fn service_claims(account: &str, scope: &str) -> Value {
    let mut claims = json!({
        "iss": ISSUER,
        "sub": account,
        "aud": AUDIENCE,
        "exp": now() + 900,
        "iat": now(),
        "jti": Uuid::now_v7(),
        "client_id": account,
    });
    if !scope.is_empty() {
        claims["scope"] = scope.into();
    }
    claims
}

/// The claims of a token that the account has exchanged for that user's.
pub fn exchanged_claims(user: &Value, account: &str, scope: &str) -> Value {
    let mut claims = user.clone();
    for (name, value) in service_claims(account, scope).as_object().unwrap() {
        if name != "sub" {
            claims[name] = value.clone();
        }
    }
    claims["act"] = json!({ "sub": account });
    claims
}

/// The id of a new service account.
pub fn account() -> String {
    Uuid::now_v7().simple().to_string()
}

/// The claims of a good token, of a new user and session.
pub fn claims() -> Value {
    json!({
        "iss": ISSUER,
        "sub": Uuid::now_v7(),
        "aud": AUDIENCE,
        "exp": now() + 900,
        "iat": now(),
        "jti": Uuid::now_v7(),
        "client_id": AUDIENCE,
        "sid": Uuid::now_v7(),
        "amr": ["pwd"],
        "auth_time": now(),
        "preferred_username": "alice",
        "roles": ["admin"],
    })
}
