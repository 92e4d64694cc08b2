//! One public key of others (a JWK, RFC 7517).

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::DecodingKey;
use serde::Deserialize;

use crate::token::foreign_algorithm::{ForeignAlgorithm, KeyKind};

/// Bits of an RSA key: fewer are too weak (NIST SP 800-131A), more are refused by the library.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// The member `use` of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    /// `sig`, or none.
    Signature,
    /// `jwt-svid` (SPIFFE Trust Domain and Bundle, section 4.2.2).
    JwtSvid,
}

/// A public key that signatures are verified by.
#[derive(Debug, Clone)]
pub(in crate::token) struct ForeignKey {
    pub(super) kid: Option<String>,
    pub(super) purpose: Use,
    kind: KeyKind,
    /// The only algorithm that it may be used with, if it names one.
    algorithm: Option<ForeignAlgorithm>,
    pub(in crate::token) decoding: DecodingKey,
}

/// The members that are read.
#[derive(Deserialize)]
struct Members {
    kty: String,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
    n: Option<String>,
    e: Option<String>,
    kid: Option<String>,
    alg: Option<String>,
    r#use: Option<String>,
    key_ops: Option<Vec<String>>,
}

impl ForeignKey {
    /// Reads a key.
    ///
    /// # Errors
    /// Why the key can't be used, in words: another type, another use, a malformed or weak key.
    pub(super) fn parse(key: &serde_json::Value) -> Result<Self, String> {
        let members = Members::deserialize(key)
            .map_err(|_other_types| "is no JWK (RFC 7517): kty and the rest must be strings")?;
        let purpose = members.purpose()?;
        let (kind, decoding) = members.public_key()?;
        let algorithm = members.alg.as_deref().map(|name| {
            let named = ForeignAlgorithm::named(name).filter(|named| named.key == kind);
            named.ok_or("names an alg that is not allowed, or is of another type of key")
        });
        let algorithm = algorithm.transpose()?;
        Ok(Self { kid: members.kid, purpose, kind, algorithm, decoding })
    }

    /// Whether signatures of `algorithm` may be verified by it.
    pub(super) fn takes(&self, algorithm: ForeignAlgorithm) -> bool {
        self.kind == algorithm.key && self.algorithm.is_none_or(|own| own == algorithm)
    }
}

impl Members {
    fn purpose(&self) -> Result<Use, &'static str> {
        let verifies = |operations: &Vec<String>| operations.iter().any(|name| name == "verify");
        if !self.key_ops.as_ref().is_none_or(verifies) {
            return Err("is not for verifying signatures (key_ops)");
        }
        match self.r#use.as_deref() {
            None | Some("sig") => Ok(Use::Signature),
            Some("jwt-svid") => Ok(Use::JwtSvid),
            Some(_) => Err("is not for signatures (use)"),
        }
    }

    fn public_key(&self) -> Result<(KeyKind, DecodingKey), String> {
        match (self.kty.as_str(), self.crv.as_deref()) {
            ("EC", Some("P-256")) => Ok((KeyKind::P256, self.ec(32)?)),
            ("EC", Some("P-384")) => Ok((KeyKind::P384, self.ec(48)?)),
            ("OKP", Some("Ed25519")) => {
                let x = coordinate("x", self.x.as_deref(), 32)?;
                Ok((KeyKind::Ed25519, DecodingKey::from_ed_der(&x)))
            }
            ("RSA", _) => Ok((KeyKind::Rsa, self.rsa()?)),
            _ => Err("has a kty or crv that is not known: use EC with P-256 or P-384, RSA, or OKP with Ed25519".into()),
        }
    }

    /// A point, uncompressed (SEC 1, section 2.3.3). Whether it is on the curve the library checks at each verification.
    fn ec(&self, bytes: usize) -> Result<DecodingKey, String> {
        let x = coordinate("x", self.x.as_deref(), bytes)?;
        let y = coordinate("y", self.y.as_deref(), bytes)?;
        Ok(DecodingKey::from_ec_der(&[&[4], x.as_slice(), y.as_slice()].concat()))
    }

    fn rsa(&self) -> Result<DecodingKey, String> {
        let n = decoded("n", self.n.as_deref())?;
        let e = decoded("e", self.e.as_deref())?;
        let leading = n.iter().take_while(|byte| **byte == 0).count();
        let significant = n.get(leading..).unwrap_or_default();
        let zeros = significant.first().map_or(0, |byte| byte.leading_zeros() as usize);
        let bits = significant.len() * 8 - zeros;
        if !RSA_BITS.contains(&bits) {
            let (least, most) = (RSA_BITS.start(), RSA_BITS.end());
            return Err(format!("is an RSA key of {bits} bits, and needs {least} to {most}"));
        }
        Ok(DecodingKey::from_rsa_raw_components(significant, &e))
    }
}

fn coordinate(name: &str, text: Option<&str>, bytes: usize) -> Result<Vec<u8>, String> {
    let value = decoded(name, text)?;
    if value.len() == bytes {
        Ok(value)
    } else {
        Err(format!("has {} bytes in {name}, and needs {bytes}", value.len()))
    }
}

fn decoded(name: &str, text: Option<&str>) -> Result<Vec<u8>, String> {
    let text = text.ok_or_else(|| format!("has no {name}"))?;
    let decoded = BASE64_URL_SAFE_NO_PAD.decode(text);
    decoded.map_err(|_malformed| format!("has a malformed {name}: it must be base64url"))
}
