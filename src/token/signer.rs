//! Private keys that are ready to sign. Parsing one checks it, which costs more than a signature: jsonwebtoken does it for
//! each token.

use aws_lc_rs::{
    hmac,
    rand::SystemRandom,
    rsa::KeyPair as RsaKeyPair,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RSA_PKCS1_SHA256},
};

use super::{Algorithm, KeyError};

/// A private key, parsed.
pub(super) enum Signer {
    Es256(EcdsaKeyPair),
    EdDsa(Ed25519KeyPair),
    Rs256(RsaKeyPair),
    Hs256(Box<hmac::Key>),
}

impl Signer {
    /// A generated key (PKCS #8).
    pub(super) fn from_pkcs8(algorithm: Algorithm, pkcs8: &[u8]) -> Result<Self, KeyError> {
        let parsed = match algorithm {
            Algorithm::Es256 => {
                EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8).map(Self::Es256)
            }
            Algorithm::EdDsa => Ed25519KeyPair::from_pkcs8(pkcs8).map(Self::EdDsa),
            Algorithm::Rs256 => RsaKeyPair::from_pkcs8(pkcs8).map(Self::Rs256),
            Algorithm::Hs256 => return Err(KeyError::Unusable),
        };
        parsed.map_err(|_rejected| KeyError::Unusable)
    }

    /// The HS256 key of a configured secret.
    pub(super) fn of_secret(secret: &[u8]) -> Self {
        Self::Hs256(Box::new(hmac::Key::new(hmac::HMAC_SHA256, secret)))
    }

    /// The signature of a JWS (RFC 7518, section 3; RFC 8037).
    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let random = SystemRandom::new();
        Ok(match self {
            Self::Es256(key) => key.sign(&random, message)?.as_ref().to_vec(),
            Self::EdDsa(key) => key.sign(message).as_ref().to_vec(),
            Self::Rs256(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature)?;
                signature
            }
            Self::Hs256(key) => hmac::sign(key, message).as_ref().to_vec(),
        })
    }
}
