//! Tokens and the keys behind them: signed access tokens, signing keys, opaque ids, and the master key.
//!
//! The only module that may use jsonwebtoken. It stores nothing: the store persists, and this module encrypts first.

mod access;
mod algorithm;
mod assertion;
mod assertion_kind;
mod claims;
mod device;
mod foreign_algorithm;
mod key_error;
mod key_ring;
mod key_set;
mod master_key;
mod opaque;
mod page_token;
mod payload;
mod place;
mod refresh;
mod remembered;
mod sealing;
mod service_access;
mod signer;
#[cfg(test)]
pub(crate) mod signer_of_tests;
mod signing_key;
mod verification_id;

/// Seeds the library's random number generator, which gathers processor jitter for some 30 ms at its first use and blocks
/// every other caller meanwhile.
pub fn seed_randomness() {
    // If it fails, the first signature will show it.
    let _seeded = aws_lc_rs::rand::fill(&mut [0]);
}

pub use access::{AccessToken, AccessTokens, InvalidToken, LONGEST_TTL, Settings, SignedToken};
pub use algorithm::Algorithm;
pub use assertion::{
    ASSERTION_SKEW, Assertion, AssertionRefused, AssertionRules, Peeked, VerifiedAssertion,
};
pub use assertion_kind::AssertionKind;
pub use claims::{ActingParty, Claims, ServiceClaims, UserClaims};
pub use device::DeviceToken;
pub use key_error::KeyError;
pub use key_ring::KeyRing;
pub use key_set::{KeySet, LONGEST_KEY_SET};
pub use master_key::{MasterKey, Purpose};
pub use opaque::OpaqueToken;
pub use page_token::PageToken;
pub use payload::payload;
pub use place::Place;
pub use refresh::RefreshToken;
pub use remembered::Remembered;
pub use service_access::{Granted, LONGEST_SERVICE_TTL};
pub use signing_key::{PublicKey, SigningKey};
pub use verification_id::VerificationId;
