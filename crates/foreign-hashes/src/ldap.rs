//! The salted digests of LDAP servers: base64 of the digest of password and salt, and the salt.

use std::fmt;

use aws_lc_rs::{constant_time, digest};
use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::{
    Format, Refused,
    text::{Base64, Reader},
};

/// The hash function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Sha1,
    Sha256,
    Sha512,
}

impl Kind {
    const fn format(self) -> Format {
        match self {
            Self::Sha1 => Format::Ssha,
            Self::Sha256 => Format::Ssha256,
            Self::Sha512 => Format::Ssha512,
        }
    }

    const fn prefix(self) -> &'static str {
        match self {
            Self::Sha1 => "{SSHA}",
            Self::Sha256 => "{SSHA256}",
            Self::Sha512 => "{SSHA512}",
        }
    }

    const fn algorithm(self) -> &'static digest::Algorithm {
        match self {
            Self::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => &digest::SHA256,
            Self::Sha512 => &digest::SHA512,
        }
    }
}

/// A digest and its salt.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Hash {
    kind: Kind,
    digest: Vec<u8>,
    salt: Vec<u8>,
}

impl Hash {
    /// Reads the text behind `{SSHA}` and its kind. One without a salt is refused: it would be `{SHA}`.
    pub(crate) fn parse(kind: Kind, text: &str) -> Result<Self, Refused> {
        let reader = Reader(kind.format().name());
        let length = kind.algorithm().output_len();
        let bounds = (length, length + 64);
        let mut digest = reader.base64("digest and salt", text, Base64::Padded, bounds)?;
        let salt = digest.split_off(length);
        if salt.is_empty() {
            return Err(reader.missing("salt"));
        }
        Ok(Self { kind, digest, salt })
    }

    pub(crate) const fn format(&self) -> Format {
        self.kind.format()
    }

    pub(crate) fn verify(&self, password: &[u8]) -> bool {
        let mut context = digest::Context::new(self.kind.algorithm());
        context.update(password);
        context.update(&self.salt);
        let computed = context.finish();
        constant_time::verify_slices_are_equal(computed.as_ref(), &self.digest).is_ok()
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [self.digest.as_slice(), &self.salt].concat();
        write!(f, "{}{}", self.kind.prefix(), STANDARD.encode(bytes))
    }
}
