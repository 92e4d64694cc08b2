//! Services and issuers of the tests: they sign assertions with keys of their own.

use aws_lc_rs::{
    encoding::{AsDer as _, Pkcs8V1Der},
    rsa::{KeyPair as RsaKeyPair, KeySize},
    signature::{ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair},
};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm as Jws, AlgorithmFamily, EncodingKey, crypto, jwk::Jwk};
use serde_json::{Value, json};

use super::{Algorithm, KeySet, SigningKey};

/// A private key of a service or an issuer, and its public key.
pub(crate) struct Signer {
    private: EncodingKey,
    algorithm: Jws,
    pub(crate) jwk: Value,
}

impl Signer {
    /// A key for signatures of that algorithm, with that `kid`.
    pub(crate) fn new(algorithm: &str, kid: &str) -> Self {
        let algorithm: Jws = algorithm.parse().unwrap();
        let pkcs8 = |algorithm| SigningKey::generate(algorithm).unwrap();
        let private = match algorithm.family() {
            AlgorithmFamily::Ec if algorithm == Jws::ES384 => {
                let pair = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap();
                EncodingKey::from_ec_der(pair.to_pkcs8v1().unwrap().as_ref())
            }
            AlgorithmFamily::Ec => EncodingKey::from_ec_der(&pkcs8(Algorithm::Es256)),
            AlgorithmFamily::Ed => EncodingKey::from_ed_der(&pkcs8(Algorithm::EdDsa)),
            AlgorithmFamily::Rsa => {
                let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
                let der: Pkcs8V1Der<'_> = pair.as_der().unwrap();
                // The PKCS #1 key within.
                EncodingKey::from_rsa_der(&der.as_ref()[26..])
            }
            AlgorithmFamily::Hmac => panic!("no assertion is signed by a secret"),
        };
        let mut jwk = serde_json::to_value(Jwk::from_encoding_key(&private, algorithm).unwrap());
        let members = jwk.as_mut().unwrap().as_object_mut().unwrap();
        members.remove("alg");
        members.insert("kid".into(), kid.into());
        Self { private, algorithm, jwk: jwk.unwrap() }
    }

    /// The set of its key alone.
    pub(crate) fn keys(&self) -> KeySet {
        KeySet::parse(self.jwks().as_bytes()).unwrap()
    }

    /// That set as it is published.
    pub(crate) fn jwks(&self) -> String {
        json!({ "keys": [self.jwk] }).to_string()
    }

    /// The header that it writes: `alg` and `kid`.
    pub(crate) fn header(&self) -> Value {
        json!({ "alg": self.algorithm, "kid": self.jwk["kid"] })
    }

    /// An assertion with these claims.
    pub(crate) fn sign(&self, claims: &Value) -> String {
        self.sign_parts(&self.header(), &claims.to_string())
    }

    /// A JWT with a right signature, whatever its parts are.
    pub(crate) fn sign_parts(&self, header: &Value, claims: &str) -> String {
        let signed = format!("{}.{}", encode(&header.to_string()), encode(claims));
        let signature = crypto::sign(signed.as_bytes(), &self.private, self.algorithm).unwrap();
        format!("{signed}.{signature}")
    }
}

/// In base64url.
pub(crate) fn encode(part: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(part)
}
