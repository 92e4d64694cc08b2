//! Signing keys: generation, encryption at rest, publication.

use std::{fmt, sync::Arc};

use aws_lc_rs::{
    encoding::{AsDer as _, Pkcs8V1Der},
    error::Unspecified,
    rsa::{KeyPair as RsaKeyPair, KeySize},
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use jsonwebtoken::{
    DecodingKey, EncodingKey, crypto,
    jwk::{Jwk, PublicKeyUse},
};
use serde::Serialize;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{Algorithm, KeyError, MasterKey, Place, key_error::MIN_RSA_BITS, signer::Signer};

/// A key that signs access tokens.
#[derive(Clone)]
pub struct SigningKey {
    pub(super) kid: String,
    pub(super) algorithm: Algorithm,
    signer: Arc<Signer>,
    pub(super) decoding: DecodingKey,
    public: Option<PublicKey>,
}

/// A public key as it is published (RFC 7517, 7518, 8037).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PublicKey(serde_json::Map<String, serde_json::Value>);

impl PublicKey {
    /// The JWK's members, by name.
    pub fn into_members(self) -> serde_json::Map<String, serde_json::Value> {
        self.0
    }
}

impl SigningKey {
    /// Generates a private key for `algorithm` (PKCS #8).
    ///
    /// # Errors
    /// The library's own, and HS256, whose secret is configured and not generated.
    pub fn generate(algorithm: Algorithm) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let pkcs8 = match algorithm {
            Algorithm::Es256 => {
                let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?;
                pair.to_pkcs8v1()?.as_ref().to_vec()
            }
            Algorithm::EdDsa => Ed25519KeyPair::generate()?.to_pkcs8v1()?.as_ref().to_vec(),
            Algorithm::Rs256 => {
                let pair = RsaKeyPair::generate(KeySize::Rsa3072)?;
                let der: Pkcs8V1Der<'_> = pair.as_der()?;
                der.as_ref().to_vec()
            }
            Algorithm::Hs256 => return Err(KeyError::Unusable),
        };
        Ok(Zeroizing::new(pkcs8))
    }

    /// Encrypts a private key for the row `id`.
    ///
    /// # Errors
    /// The library's own.
    pub fn seal(master: &MasterKey, id: Uuid, pkcs8: &[u8]) -> Result<Vec<u8>, KeyError> {
        Ok(master.seal(&Place::SigningKey(id), pkcs8)?)
    }

    /// Decrypts the private key of the row `id`.
    ///
    /// # Errors
    /// The master key is another one, or the key is broken or too short.
    pub fn open(
        master: &MasterKey,
        id: Uuid,
        algorithm: Algorithm,
        sealed: &[u8],
    ) -> Result<Self, KeyError> {
        let pkcs8 = master.open(&Place::SigningKey(id), sealed);
        let pkcs8 = pkcs8.map_err(|Unspecified| KeyError::WrongMasterKey)?;
        Self::from_pkcs8(id.to_string(), algorithm, &pkcs8)
    }

    fn from_pkcs8(kid: String, algorithm: Algorithm, pkcs8: &[u8]) -> Result<Self, KeyError> {
        let encoding = match algorithm {
            Algorithm::Es256 => EncodingKey::from_ec_der(pkcs8),
            Algorithm::EdDsa => EncodingKey::from_ed_der(pkcs8),
            Algorithm::Rs256 => EncodingKey::from_rsa_der(rsa_private_key(pkcs8)?),
            Algorithm::Hs256 => return Err(KeyError::Unusable),
        };
        let mut public = Jwk::from_encoding_key(&encoding, algorithm.jws())
            .map_err(|_refused| KeyError::Unusable)?;
        public.common.key_id = Some(kid.clone());
        public.common.public_key_use = Some(PublicKeyUse::Signature);
        let decoding = DecodingKey::from_jwk(&public).map_err(|_refused| KeyError::Unusable)?;
        let public = match serde_json::to_value(public) {
            Ok(serde_json::Value::Object(members)) => PublicKey(members),
            _ => return Err(KeyError::Unusable),
        };
        let signer = Arc::new(Signer::from_pkcs8(algorithm, pkcs8)?);
        Self { kid, algorithm, signer, decoding, public: Some(public) }.probed()
    }

    /// The key, if its signatures verify with the published key (self-test).
    fn probed(self) -> Result<Self, KeyError> {
        const PROBE: &[u8] = b"probe";
        let signature = BASE64.encode(self.sign(PROBE)?);
        match crypto::verify(&signature, PROBE, &self.decoding, self.algorithm.jws()) {
            Ok(true) => Ok(self),
            Ok(false) | Err(_) => Err(KeyError::Unusable),
        }
    }

    /// The HS256 key of a configured secret. It is never published.
    pub fn from_secret(secret: &[u8]) -> Self {
        Self {
            kid: "hs256".to_owned(),
            algorithm: Algorithm::Hs256,
            signer: Arc::new(Signer::of_secret(secret)),
            decoding: DecodingKey::from_secret(secret),
            public: None,
        }
    }

    /// The signature of a JWS.
    ///
    /// # Errors
    /// The library's own.
    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        self.signer.sign(message)
    }

    /// The key's id.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The algorithm of its signatures.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The public key for verifiers; `None` with HS256.
    pub fn public(&self) -> Option<PublicKey> {
        self.public.clone()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("kid", &self.kid).finish_non_exhaustive()
    }
}

/// The PKCS #1 key inside a PKCS #8 document, which is what jsonwebtoken takes. Short keys are refused.
fn rsa_private_key(pkcs8: &[u8]) -> Result<&[u8], KeyError> {
    // For keys of this size the PKCS #8 wrapping (RFC 5208, section 5) has a fixed length.
    const WRAPPING_BYTES: usize = 26;
    let pair = RsaKeyPair::from_pkcs8(pkcs8).map_err(|_rejected| KeyError::Unusable)?;
    let bits = pair.public_modulus_len() * 8;
    if bits < MIN_RSA_BITS {
        return Err(KeyError::TooShort(bits));
    }
    let pkcs1 = pkcs8.get(WRAPPING_BYTES..).ok_or(KeyError::Unusable)?;
    RsaKeyPair::from_der(pkcs1).map_err(|_rejected| KeyError::Unusable)?;
    Ok(pkcs1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_generated_key_comes_back_whole_and_its_public_part_has_no_secret() {
        let master = MasterKey::parse(&MasterKey::generate_text()).unwrap();
        for algorithm in [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Rs256] {
            let (id, pkcs8) = (Uuid::now_v7(), SigningKey::generate(algorithm).unwrap());
            let sealed = SigningKey::seal(&master, id, &pkcs8).unwrap();
            let key = SigningKey::open(&master, id, algorithm, &sealed).unwrap();
            let public = serde_json::to_value(key.public().unwrap()).unwrap();
            assert_eq!(public["kid"], id.to_string());
            assert_eq!(
                (&public["alg"], &public["use"]),
                (&algorithm.as_str().into(), &"sig".into())
            );
            for secret in ["d", "p", "q", "dp", "dq", "qi", "k"] {
                assert!(public.get(secret).is_none(), "{algorithm}: {secret}");
            }
            let other = SigningKey::open(&master, Uuid::now_v7(), algorithm, &sealed);
            assert!(matches!(other, Err(KeyError::WrongMasterKey)));
        }
    }

    #[test]
    fn short_rsa_keys_are_refused() {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        let der: Pkcs8V1Der<'_> = pair.as_der().unwrap();
        let key = SigningKey::from_pkcs8("kid".into(), Algorithm::Rs256, der.as_ref());
        assert!(matches!(key, Err(KeyError::TooShort(2048))));
    }

    #[test]
    fn a_secret_is_never_published() {
        assert!(SigningKey::from_secret(&[7; 32]).public().is_none());
    }
}
