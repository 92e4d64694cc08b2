//! Passkeys (WebAuthn level 3): the options of both ceremonies, and the verdict on what a browser or an app answers.
//!
//! It stores nothing and knows no user: it is given the challenge that was handed out and the credential that is on record,
//! and says whether the answer is theirs, or which rule it breaks (ADR 49). Each challenge is to be taken from the store before
//! it is verified here, so that it works once; whether a credential id is already somebody's is for the store, too.
//!
//! | file | what it owns |
//! |---|---|
//! | `relying_party.rs`, `origin.rs` | who we are to browsers, and what an operator may not set |
//! | `options.rs` | what `navigator.credentials` is asked |
//! | `registration.rs`, `assertion.rs` | the ceremonies (sections 7.1 and 7.2), rule by rule |
//! | `answer.rs`, `sizes.rs` | the JSON of the answers, and the most that is read |
//! | `client_data.rs`, `authenticator_data.rs`, `attestation.rs` | the three structures within |
//! | `key.rs`, `ed25519_point.rs` | public keys, and whether they are any |
//! | `cbor.rs` | a strict reader of CBOR |

mod algorithm;
mod answer;
mod assertion;
#[cfg(test)]
mod assertion_tests;
mod attestation;
mod authenticator_data;
#[cfg(test)]
mod authenticator_of_tests;
mod cbor;
#[cfg(test)]
mod cbor_tests;
mod challenge;
mod client_data;
mod ed25519_point;
mod key;
#[cfg(test)]
mod key_tests;
mod malformed;
#[cfg(test)]
mod mutation_tests;
mod options;
mod origin;
mod refused;
mod registration;
#[cfg(test)]
mod registration_tests;
mod relying_party;
#[cfg(test)]
mod relying_party_tests;
mod sizes;
#[cfg(test)]
mod vectors_tests;
mod verification;

pub use algorithm::Algorithm;
pub use assertion::{Asserted, Assertion, Demand, StoredCredential};
pub use cbor::CborError;
pub use challenge::{Challenge, UserHandle};
pub use malformed::Malformed;
pub use options::{Descriptor, User};
pub use refused::Refused;
pub use registration::{Attachment, NewCredential, Registration};
pub use relying_party::{Problem, RelyingParty, Settings};
pub use sizes::LONGEST_ANSWER;
pub use verification::UserVerification;
