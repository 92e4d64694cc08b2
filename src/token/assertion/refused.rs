//! Why an assertion is refused.

use std::time::Duration;

use super::jws::LONGEST_ASSERTION;
use crate::token::foreign_algorithm::ALLOWED;

/// Why an assertion is refused, for the developer of the service that shows it: OAuth's `error_description`. The texts have
/// the characters that RFC 6749 (section 5.2) allows there, and repeat nothing of the assertion.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AssertionRefused {
    /// More bytes than are read.
    #[error("the assertion is longer than {LONGEST_ASSERTION} bytes")]
    TooLong,
    /// Not three parts of base64url, or no JSON in the first.
    #[error("the assertion is no JWT in compact form (RFC 7519)")]
    NoJwt,
    /// Claims of other types than RFC 7519 says, or given twice.
    #[error(
        "the claims must be as RFC 7519 says: iss, sub and jti strings, aud a string or a list of strings, \
         exp, nbf and iat numbers, each once"
    )]
    Claims,
    /// Header extensions that must be understood.
    #[error("the header has crit, and no extension is understood here")]
    Critical,
    /// Another kind of token, such as an access token.
    #[error("the header's typ must be absent, JWT, JOSE or client-authentication+jwt")]
    Type,
    /// Not on the allow-list.
    #[error("the header's alg must be {ALLOWED}")]
    Algorithm,
    /// A JWT-SVID by EdDSA.
    #[error("a JWT-SVID is not signed by EdDSA: use ES256 or RS256")]
    SvidAlgorithm,
    /// A JWT-SVID without the id of its key.
    #[error("the header has no kid, which a JWT-SVID must have")]
    NoKeyId,
    /// No key of the set has the `kid` and the type of the header's `alg`.
    #[error("no known key has the header's kid and is of the type of its alg")]
    UnknownKey,
    /// By none of the keys.
    #[error("the signature is not by a known key")]
    Signature,
    /// The claim `iss` is absent or another.
    #[error("the claim iss must be {0}")]
    Issuer(String),
    /// The claim `sub` is absent or another.
    #[error("the claim sub must be {0}")]
    Subject(String),
    /// The claim `aud` names none of these.
    #[error("the claim aud must name {}", .0.join(" or "))]
    Audience(Vec<String>),
    /// The claim `exp` is absent.
    #[error("the claim exp is missing")]
    NoExpiry,
    /// The claim `exp` is past.
    #[error("the assertion has expired: its exp was {} s ago", .0.as_secs())]
    Expired(Duration),
    /// The claim `exp` is too far ahead: how far, and how far it may be.
    #[error("the claim exp is {} s ahead, and may be {} s at the most", ahead.as_secs(), longest.as_secs())]
    TooLongLived {
        /// The time until `exp`.
        ahead: Duration,
        /// The most that is accepted.
        longest: Duration,
    },
    /// The claim `nbf` is in the future.
    #[error("the assertion is not valid yet: its nbf is {} s ahead", .0.as_secs())]
    NotYet(Duration),
    /// The claim `iat` is in the future.
    #[error("the assertion is from the future: its iat is {} s ahead; are the clocks right?", .0.as_secs())]
    FromTheFuture(Duration),
    /// The claim `jti` is absent or empty.
    #[error("the claim jti is missing: it must be another one in each assertion")]
    NoId,
}

impl AssertionRefused {
    /// Whether other keys than those at hand could make it valid: keys are rotated.
    pub fn may_be_of_a_newer_key(&self) -> bool {
        matches!(self, Self::UnknownKey | Self::Signature)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_text_may_stand_in_an_error_description() {
        let minute = Duration::from_secs(60);
        for refused in [
            AssertionRefused::TooLong,
            AssertionRefused::NoJwt,
            AssertionRefused::Claims,
            AssertionRefused::Critical,
            AssertionRefused::Type,
            AssertionRefused::Algorithm,
            AssertionRefused::SvidAlgorithm,
            AssertionRefused::NoKeyId,
            AssertionRefused::UnknownKey,
            AssertionRefused::Signature,
            AssertionRefused::Issuer("a".into()),
            AssertionRefused::Subject("a".into()),
            AssertionRefused::Audience(vec!["a".into(), "b".into()]),
            AssertionRefused::NoExpiry,
            AssertionRefused::Expired(minute),
            AssertionRefused::TooLongLived { ahead: minute, longest: minute },
            AssertionRefused::NotYet(minute),
            AssertionRefused::FromTheFuture(minute),
            AssertionRefused::NoId,
        ] {
            let text = refused.to_string();
            let allowed = |c: char| (' '..='~').contains(&c) && c != '"' && c != '\\';
            assert!(text.chars().all(allowed), "{text}");
        }
        let audience = AssertionRefused::Audience(vec!["https://a".into(), "b".into()]);
        assert_eq!(audience.to_string(), "the claim aud must name https://a or b");
    }
}
