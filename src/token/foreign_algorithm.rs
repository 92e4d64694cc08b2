//! Algorithms of signatures that others make: an allow-list of asymmetric ones, of which the key decides (RFC 8725,
//! section 3.1). HMAC and `none` have no name here, so that a public key never becomes a secret (algorithm confusion).

use jsonwebtoken::Algorithm;

/// The kind of a public key: its `kty` and its `crv` (RFC 7518, section 6; RFC 8037).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeyKind {
    P256,
    P384,
    Rsa,
    Ed25519,
}

/// An allowed algorithm, and the kind of key that it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ForeignAlgorithm {
    pub(super) jws: Algorithm,
    pub(super) key: KeyKind,
}

/// The allowed algorithms, for a refusal.
pub(super) const ALLOWED: &str =
    "ES256, ES384, RS256, RS384, RS512, PS256, PS384, PS512, EdDSA or Ed25519";

impl ForeignAlgorithm {
    /// The algorithm of that name in a header or a key, if it is allowed. RFC 9864 calls EdDSA by the name of its curve.
    pub(super) fn named(name: &str) -> Option<Self> {
        let (jws, key) = match name {
            "ES256" => (Algorithm::ES256, KeyKind::P256),
            "ES384" => (Algorithm::ES384, KeyKind::P384),
            "RS256" => (Algorithm::RS256, KeyKind::Rsa),
            "RS384" => (Algorithm::RS384, KeyKind::Rsa),
            "RS512" => (Algorithm::RS512, KeyKind::Rsa),
            "PS256" => (Algorithm::PS256, KeyKind::Rsa),
            "PS384" => (Algorithm::PS384, KeyKind::Rsa),
            "PS512" => (Algorithm::PS512, KeyKind::Rsa),
            "EdDSA" | "Ed25519" => (Algorithm::EdDSA, KeyKind::Ed25519),
            _ => return None,
        };
        Some(Self { jws, key })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_allowed_algorithms_are_those_that_a_refusal_names_and_no_symmetric_one() {
        for name in ALLOWED.split(", ").flat_map(|names| names.split(" or ")) {
            assert!(ForeignAlgorithm::named(name).is_some(), "{name}");
        }
        for name in
            ["none", "NoNe", "", "HS256", "HS384", "HS512", "ES512", "es256", "ES256 ", "Ed448"]
        {
            assert_eq!(ForeignAlgorithm::named(name), None, "{name}");
        }
    }
}
