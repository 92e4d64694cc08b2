//! Assertions: JWTs that others sign, by which a service says who it is (RFC 7523; workload tokens of Kubernetes and
//! SPIFFE). Verified as RFC 8725 asks.

mod claims;
mod jws;
mod refused;

use std::time::Duration;

use jsonwebtoken::crypto;

pub use self::{claims::SKEW as ASSERTION_SKEW, refused::AssertionRefused};
use self::{
    claims::{Claims, SKEW},
    jws::{Jws, LONGEST_ASSERTION},
};
use super::{
    assertion_kind::AssertionKind,
    foreign_algorithm::{ForeignAlgorithm, KeyKind},
    key_set::KeySet,
};
use crate::domain::Timestamp;

/// The assertions of others.
#[derive(Debug)]
pub struct Assertion;

/// What an assertion says of itself, unverified: it only serves to choose the keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peeked {
    /// The claim `iss`.
    pub issuer: Option<String>,
    /// The claim `sub`.
    pub subject: Option<String>,
}

/// What an assertion must keep to.
#[derive(Debug, Clone, Copy)]
pub struct AssertionRules<'a> {
    /// Which kind it is.
    pub kind: AssertionKind,
    /// The claim `aud` must name one of these.
    pub audiences: &'a [String],
    /// How far ahead its `exp` may be, beside the skew of clocks.
    pub longest: Duration,
}

/// The claims of a verified assertion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedAssertion {
    /// The claim `iss`.
    pub issuer: Option<String>,
    /// The claim `sub`.
    pub subject: Option<String>,
    /// The claim `jti`, if it is not empty.
    pub jti: Option<String>,
    /// From when on it is refused: its `exp` and the skew of clocks. Until then its `jti` must be remembered (replay).
    pub expires_at: Timestamp,
    /// The claim `iat`.
    pub issued_at: Option<Timestamp>,
}

impl Assertion {
    /// Reads an assertion without verifying it; `None` where it is no JWT, or too long to be read.
    pub fn peek(jwt: &str) -> Option<Peeked> {
        let jws = (jwt.len() <= LONGEST_ASSERTION).then(|| Jws::parse(jwt))??;
        let claims = Claims::parse(&jws.payload).ok()?;
        Some(Peeked { issuer: claims.iss, subject: claims.sub })
    }

    /// Verifies an assertion by one of `keys`, of which the signature and the claims must be right. Whose keys these are,
    /// and whether `iss` and `sub` are theirs, is the caller's business.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn verify(
        jwt: &str,
        keys: &KeySet,
        rules: &AssertionRules<'_>,
        now: Timestamp,
    ) -> Result<VerifiedAssertion, AssertionRefused> {
        if jwt.len() > LONGEST_ASSERTION {
            return Err(AssertionRefused::TooLong);
        }
        let jws = Jws::parse(jwt).ok_or(AssertionRefused::NoJwt)?;
        let algorithm = check_header(&jws, rules.kind)?;
        check_signature(&jws, algorithm, keys, rules.kind)?;
        let claims = Claims::parse(&jws.payload)?;
        claims.check_audience(rules.audiences)?;
        let expiry = claims.check_times(now, rules.longest)?;
        Ok(VerifiedAssertion {
            issued_at: claims.issued_at(),
            issuer: claims.iss,
            subject: claims.sub,
            jti: claims.jti.filter(|jti| !jti.is_empty()),
            expires_at: expiry.plus(SKEW),
        })
    }
}

fn check_header(jws: &Jws<'_>, kind: AssertionKind) -> Result<ForeignAlgorithm, AssertionRefused> {
    let header = &jws.header;
    if header.has_critical_extensions() {
        return Err(AssertionRefused::Critical);
    }
    if !header.is_of_an_assertion() {
        return Err(AssertionRefused::Type);
    }
    let algorithm = header.algorithm().ok_or(AssertionRefused::Algorithm)?;
    if kind == AssertionKind::JwtSvid {
        // JWT-SVID, sections 2.1 and 2.2.
        if algorithm.key == KeyKind::Ed25519 {
            return Err(AssertionRefused::SvidAlgorithm);
        }
        if header.kid.is_none() {
            return Err(AssertionRefused::NoKeyId);
        }
    }
    Ok(algorithm)
}

fn check_signature(
    jws: &Jws<'_>,
    algorithm: ForeignAlgorithm,
    keys: &KeySet,
    kind: AssertionKind,
) -> Result<(), AssertionRefused> {
    let mut refused = AssertionRefused::UnknownKey;
    for key in keys.candidates(jws.header.kid.as_deref(), algorithm, kind) {
        let verified = crypto::verify(jws.signature, jws.signed, &key.decoding, algorithm.jws);
        if verified.is_ok_and(|right| right) {
            return Ok(());
        }
        refused = AssertionRefused::Signature;
    }
    Err(refused)
}

#[cfg(test)]
#[path = "assertion_tests.rs"]
mod assertion_tests;
