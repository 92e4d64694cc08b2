//! Public keys, by id, each with its one algorithm.

use std::collections::{HashMap, HashSet};

use jsonwebtoken::{DecodingKey, crypto};

use crate::{Algorithm, Settings, pb::Jwk, remembered::Remembered};

/// The id of the configured secret in the tokens of a server with HS256.
const SECRET_KID: &str = "hs256";

/// A verification key.
struct Key {
    /// The algorithm's name in a token's header.
    name: &'static str,
    algorithm: jsonwebtoken::Algorithm,
    decoding: DecodingKey,
}

/// The keys of one answer, with a cache of the tokens that they have verified: a new answer drops that along with the keys.
pub(crate) struct KeySet {
    keys: HashMap<String, Key>,
    withdrawn: HashSet<String>,
    published: Vec<Jwk>,
    pub(crate) remembered: Remembered,
}

impl KeySet {
    /// Takes the published keys that are supported and not withdrawn. The others may be meant for newer verifiers.
    pub(crate) fn new(
        published: Vec<Jwk>,
        withdrawn: &HashSet<String>,
        settings: &Settings,
    ) -> Self {
        let counts = published.iter().filter(|jwk| !withdrawn.contains(&jwk.kid));
        let usable = counts.filter_map(|jwk| {
            let key = Key::parse(jwk, &settings.algorithms);
            if key.is_none() {
                tracing::debug!(kid = jwk.kid, alg = jwk.alg, "a published key is of no use here");
            }
            Some((jwk.kid.clone(), key?))
        });
        let mut keys: HashMap<_, _> = usable.collect();
        // Last, so that no published key can replace it.
        if let Some(secret) = &settings.shared_secret {
            keys.insert(SECRET_KID.to_owned(), Key::secret(secret.key()));
        }
        let remembered = Remembered::new(settings.remembered_tokens);
        Self { keys, withdrawn: withdrawn.clone(), published, remembered }
    }

    /// The answer that it was built from.
    pub(crate) fn published(&self) -> &[Jwk] {
        &self.published
    }

    /// Whether an answer is equal to this one's.
    pub(crate) fn is_of(&self, published: &[Jwk]) -> bool {
        self.published == published
    }

    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }

    /// Verifies a signature by the key of that id, with its own algorithm, which the header has to name too (algorithm
    /// confusion). `None` where there is no such key; a withdrawn one is known, and verifies nothing.
    pub(crate) fn verifies(
        &self,
        kid: &str,
        algorithm: &str,
        message: &str,
        signature: &str,
    ) -> Option<bool> {
        if self.withdrawn.contains(kid) {
            return Some(false);
        }
        let key = self.keys.get(kid)?;
        let verifies =
            || crypto::verify(signature, message.as_bytes(), &key.decoding, key.algorithm);
        Some(key.name == algorithm && verifies().unwrap_or(false))
    }
}

impl Key {
    fn parse(jwk: &Jwk, allowed: &[Algorithm]) -> Option<Self> {
        let algorithm = match (jwk.alg.as_str(), jwk.kty.as_str(), jwk.crv.as_str()) {
            ("ES256", "EC", "P-256") => Algorithm::Es256,
            ("EdDSA", "OKP", "Ed25519") => Algorithm::EdDsa,
            ("RS256", "RSA", "") => Algorithm::Rs256,
            _ => return None,
        };
        if !allowed.contains(&algorithm) || jwk.r#use != "sig" || jwk.kid.is_empty() {
            return None;
        }
        let (decoding, name, algorithm) = match algorithm {
            Algorithm::Es256 => (
                DecodingKey::from_ec_components(&jwk.x, &jwk.y),
                "ES256",
                jsonwebtoken::Algorithm::ES256,
            ),
            Algorithm::EdDsa => {
                (DecodingKey::from_ed_components(&jwk.x), "EdDSA", jsonwebtoken::Algorithm::EdDSA)
            }
            Algorithm::Rs256 => (
                DecodingKey::from_rsa_components(&jwk.n, &jwk.e),
                "RS256",
                jsonwebtoken::Algorithm::RS256,
            ),
        };
        Some(Self { name, algorithm, decoding: decoding.ok()? })
    }

    fn secret(decoding: DecodingKey) -> Self {
        Self { name: "HS256", algorithm: jsonwebtoken::Algorithm::HS256, decoding }
    }
}
