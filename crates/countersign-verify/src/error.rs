//! Errors of a verifier.

use std::time::Duration;

/// The reason why there is no verifier.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The server did not give its keys in time.
    #[error(
        "no key set from the Countersign server within {0:?}: is its address right, and is it up?"
    )]
    NoKeys(Duration),
    /// The server did not send its revocations in time, and the settings refuse every token without them.
    #[error(
        "no revocations from the Countersign server within {0:?}, and the settings refuse tokens without them"
    )]
    NoRevocations(Duration),
}

/// The reason why a token is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// The token is invalid for this service. The cause is logged at debug level and not returned: the sender of a bad
    /// token should learn nothing from it.
    #[error("the access token is not valid")]
    Invalid,
    /// The token is valid, but its caller is of a kind that is not accepted here: such as a service where users are.
    #[error("the access token's caller is of a kind that is not accepted")]
    CallerNotAccepted,
    /// The token is valid, but its scope lacks what is required (RFC 6750, section 3.1).
    #[error("the access token's scope is insufficient")]
    InsufficientScope,
    /// The token is valid, but its user's login is not as sure, or as recent, as is required (RFC 9470).
    #[error("the login behind the access token is insufficient")]
    InsufficientUserAuthentication,
    /// Verification is impossible now: there are no keys, or the settings require revocations and there are none.
    #[error("access tokens can't be verified now")]
    Unavailable,
}

/// A secret that is too short to be a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an HS256 secret needs at least 32 bytes (RFC 7518, section 3.2)")]
pub struct ShortSecret;
