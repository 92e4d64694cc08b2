//! One of the ways to verify a hash.

use std::fmt;

use crate::{Format, argon2, bcrypt, firebase, ldap, pbkdf2, phpass, scrypt, sha_crypt};

/// A parsed hash of each kind.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Scheme {
    Bcrypt(bcrypt::Hash),
    Argon2(argon2::Hash),
    Scrypt(scrypt::Hash),
    Firebase(firebase::Hash),
    Pbkdf2(pbkdf2::Hash),
    ShaCrypt(sha_crypt::Hash),
    Phpass(phpass::Hash),
    Ldap(ldap::Hash),
}

impl Scheme {
    pub(crate) const fn format(&self) -> Format {
        match self {
            Self::Bcrypt(hash) => hash.format(),
            Self::Argon2(hash) => hash.format(),
            Self::Scrypt(_) => Format::Scrypt,
            Self::Firebase(_) => Format::FirebaseScrypt,
            Self::Pbkdf2(hash) => hash.format(),
            Self::ShaCrypt(hash) => hash.format(),
            Self::Phpass(hash) => hash.format(),
            Self::Ldap(hash) => hash.format(),
        }
    }

    /// Bytes that a verification allocates; 0 for what is not memory-hard.
    pub(crate) fn memory(&self) -> u64 {
        match self {
            Self::Argon2(hash) => hash.memory(),
            Self::Scrypt(hash) => hash.memory(),
            Self::Firebase(hash) => hash.memory(),
            Self::Bcrypt(_)
            | Self::Pbkdf2(_)
            | Self::ShaCrypt(_)
            | Self::Phpass(_)
            | Self::Ldap(_) => 0,
        }
    }

    /// About how many nanoseconds of processor time a verification takes.
    pub(crate) fn nanoseconds(&self) -> u64 {
        match self {
            Self::Bcrypt(hash) => 57_000 << hash.bcrypt().cost,
            Self::Argon2(hash) => hash.nanoseconds(),
            Self::Scrypt(hash) => hash.cost().nanoseconds(),
            Self::Firebase(hash) => hash.cost().nanoseconds(),
            Self::Pbkdf2(hash) => hash.nanoseconds(),
            Self::ShaCrypt(hash) => hash.nanoseconds(),
            Self::Phpass(hash) => hash.nanoseconds(),
            Self::Ldap(_) => 1000,
        }
    }

    /// Compares in constant time.
    pub(crate) fn verify(&self, password: &[u8]) -> bool {
        match self {
            Self::Bcrypt(hash) => hash.verify(password),
            Self::Argon2(hash) => hash.verify(password, None),
            Self::Scrypt(hash) => hash.verify(password),
            Self::Firebase(hash) => hash.verify(password),
            Self::Pbkdf2(hash) => hash.verify(password),
            Self::ShaCrypt(hash) => hash.verify(password),
            Self::Phpass(hash) => hash.verify(password),
            Self::Ldap(hash) => hash.verify(password),
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bcrypt(hash) => hash.fmt(f),
            Self::Argon2(hash) => hash.fmt(f),
            Self::Scrypt(hash) => hash.fmt(f),
            Self::Firebase(hash) => hash.fmt(f),
            Self::Pbkdf2(hash) => hash.fmt(f),
            Self::ShaCrypt(hash) => hash.fmt(f),
            Self::Phpass(hash) => hash.fmt(f),
            Self::Ldap(hash) => hash.fmt(f),
        }
    }
}
