//! What can go wrong.

use std::time::Duration;

/// Why there is no verifier.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The server did not give its keys in time.
    #[error(
        "no key set from the Countersign server within {0:?}: is its address right, and is it up?"
    )]
    NoKeys(Duration),
    /// The server did not tell its revocations in time, and without them everything would be refused.
    #[error(
        "no revocations from the Countersign server within {0:?}, and the settings refuse tokens without them"
    )]
    NoRevocations(Duration),
}

/// Why a token does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// It is not a good access token for this service. Why is logged at debug level and told to nobody, as whoever sent
    /// it should learn nothing from it.
    #[error("the access token is not valid")]
    Invalid,
    /// It can't be told now: there are no keys, or the settings ask for revocations and there are none.
    #[error("access tokens can't be verified now")]
    Unavailable,
}

/// A secret that is too short to be a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an HS256 secret needs at least 32 bytes (RFC 7518, section 3.2)")]
pub struct ShortSecret;
