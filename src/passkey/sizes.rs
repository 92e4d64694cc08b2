//! The most bytes of what others send: checked before anything is decoded (denial of service). Each leaves room for what is
//! valid.

use std::ops::RangeInclusive;

/// An answer in JSON: an attestation with its certificates has some 6 KiB in base64url, and browsers send parts of it twice.
pub const LONGEST_ANSWER: usize = 32 * 1024;

/// Client data: browsers write some 250.
pub(super) const CLIENT_DATA: RangeInclusive<usize> = 1..=4096;

/// An attestation object: certificates of a TPM take some 5 KiB.
pub(super) const ATTESTATION_OBJECT: RangeInclusive<usize> = 1..=16 * 1024;

/// Authenticator data of an assertion, with extensions.
pub(super) const AUTHENTICATOR_DATA: RangeInclusive<usize> = 1..=4096;

/// A signature: one of an RSA key of 4,096 bits has 512.
pub(super) const SIGNATURE: RangeInclusive<usize> = 1..=1024;

/// The id of a credential (section 7.1, step 25).
pub(super) const CREDENTIAL_ID: RangeInclusive<usize> = 1..=1023;

/// A user handle (section 5.4.3); an empty one is none.
pub(super) const USER_HANDLE: RangeInclusive<usize> = 0..=64;
