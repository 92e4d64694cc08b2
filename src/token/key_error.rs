//! Errors of signing keys.

use aws_lc_rs::error::Unspecified;

/// The fewest bits of an RSA key (NIST SP 800-57: 128 bits of security).
pub(super) const MIN_RSA_BITS: usize = 3072;

/// Why a signing key can't be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The library refused the key, or its signatures do not verify with the published key.
    #[error("the signing key is not usable")]
    Unusable,
    /// There is no signing key.
    #[error("there is no key to sign with")]
    Missing,
    /// The key does not decrypt.
    #[error("the signing key does not decrypt: is this the master key it was stored under?")]
    WrongMasterKey,
    /// An RSA key that is too short.
    #[error("the RSA signing key has {0} bits and needs at least {MIN_RSA_BITS}")]
    TooShort(usize),
}

impl From<Unspecified> for KeyError {
    fn from(_says_nothing: Unspecified) -> Self {
        Self::Unusable
    }
}
