//! PBKDF2, as PHC strings and as passlib, Django, Werkzeug, LDAP servers and Atlassian write it.

use std::{fmt, num::NonZeroU32};

use aws_lc_rs::pbkdf2;

use crate::{
    Format, Refused,
    text::{Base64, Fields, Number, Reader, phc_base64},
};

const I: Number =
    Number { name: "i", min: 1, under: "under 1", max: 10_000_000, over: "over 10,000,000" };
/// The same bound by the name that other spellings have for it.
pub(crate) const ITERATIONS: Number = Number { name: "iterations", ..I };
const L: Number = Number { name: "l", min: 16, under: "under 16", max: 64, over: "over 64" };

/// The most bytes of a salt, with what Spring Security appends to it.
const MAX_SALT: usize = 512;

/// The hash function below HMAC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Prf {
    Sha1,
    Sha256,
    Sha512,
}

impl Prf {
    /// The function of this name, if PBKDF2 is verified with it.
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name {
            "sha1" => Some(Self::Sha1),
            "sha256" => Some(Self::Sha256),
            "sha512" => Some(Self::Sha512),
            _ => None,
        }
    }

    const fn format(self) -> Format {
        match self {
            Self::Sha1 => Format::Pbkdf2Sha1,
            Self::Sha256 => Format::Pbkdf2Sha256,
            Self::Sha512 => Format::Pbkdf2Sha512,
        }
    }

    pub(crate) const fn reader(self) -> Reader {
        Reader(self.format().name())
    }

    /// Bytes of the function's result, which is the length of a digest unless the text says otherwise.
    pub(crate) const fn length(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }

    const fn algorithm(self) -> pbkdf2::Algorithm {
        match self {
            Self::Sha1 => pbkdf2::PBKDF2_HMAC_SHA1,
            Self::Sha256 => pbkdf2::PBKDF2_HMAC_SHA256,
            Self::Sha512 => pbkdf2::PBKDF2_HMAC_SHA512,
        }
    }
}

/// A PBKDF2 with its parameters.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Hash {
    prf: Prf,
    iterations: NonZeroU32,
    salt: Vec<u8>,
    digest: Vec<u8>,
}

impl Hash {
    /// Reads the text behind `$pbkdf2-sha256$` and its kind: a PHC string (`i=…,l=…`) or passlib's (the bare number).
    pub(crate) fn phc(prf: Prf, text: &str) -> Result<Self, Refused> {
        let (parameters, rest) = prf.reader().split(text, '$', "salt")?;
        if !parameters.contains('=') {
            return Self::adapted(prf, text);
        }
        let reader = prf.reader();
        let fields = Fields::parse(reader, parameters, &["i", "l"])?;
        let iterations = fields.number(&I)?;
        let length = match fields.optional(L.name) {
            Some(length) => usize::try_from(reader.number(&L, length)?).unwrap_or(0),
            None => prf.length(),
        };
        let (salt, digest) = reader.split(rest, '$', "digest")?;
        let salt = reader.base64("salt", salt, Base64::Unpadded, (1, MAX_SALT))?;
        let digest = reader.base64("digest", digest, Base64::Unpadded, (length, length))?;
        Self::from_parts(prf, iterations, salt, digest)
    }

    /// Reads passlib's and OpenLDAP's: `iterations$salt$digest`.
    pub(crate) fn adapted(prf: Prf, text: &str) -> Result<Self, Refused> {
        let reader = prf.reader();
        let (iterations, rest) = reader.split(text, '$', "salt")?;
        let (salt, digest) = reader.split(rest, '$', "digest")?;
        let iterations = reader.number(&ITERATIONS, iterations)?;
        let salt = reader.base64("salt", salt, Base64::Adapted, (1, MAX_SALT))?;
        let length = (prf.length(), prf.length());
        let digest = reader.base64("digest", digest, Base64::Adapted, length)?;
        Self::from_parts(prf, iterations, salt, digest)
    }

    /// Reads Django's, behind `pbkdf2_sha256$`: the salt is the text it is.
    pub(crate) fn django(prf: Prf, text: &str) -> Result<Self, Refused> {
        let reader = prf.reader();
        let (iterations, rest) = reader.split(text, '$', "salt")?;
        let (salt, digest) = reader.split(rest, '$', "digest")?;
        let iterations = reader.number(&ITERATIONS, iterations)?;
        let salt = reader.plain_salt(salt, MAX_SALT)?.as_bytes().to_vec();
        let length = (prf.length(), prf.length());
        let digest = reader.base64("digest", digest, Base64::Padded, length)?;
        Self::from_parts(prf, iterations, salt, digest)
    }

    /// Reads Werkzeug's, behind `pbkdf2:`: `sha256:iterations$salt$digest`.
    pub(crate) fn werkzeug(text: &str) -> Result<Self, Refused> {
        let unnamed = Reader("pbkdf2");
        let (name, rest) = unnamed.split(text, ':', "iterations")?;
        let prf =
            Prf::named(name).ok_or(Refused::NotSupported("pbkdf2 with this hash function"))?;
        let reader = prf.reader();
        let (iterations, rest) = reader.split(rest, '$', "salt")?;
        let (salt, digest) = reader.split(rest, '$', "digest")?;
        let iterations = reader.number(&ITERATIONS, iterations)?;
        let salt = reader.plain_salt(salt, MAX_SALT)?.as_bytes().to_vec();
        let digest = reader.hex("digest", digest, (prf.length(), prf.length()))?;
        Self::from_parts(prf, iterations, salt, digest)
    }

    /// Reads Atlassian's, behind `{PKCS5S2}`: 16 bytes of salt and 32 of digest, 10,000 iterations of SHA-1.
    pub(crate) fn atlassian(text: &str) -> Result<Self, Refused> {
        let reader = Prf::Sha1.reader();
        let bytes = reader.base64("salt and digest", text, Base64::Padded, (48, 48))?;
        let (salt, digest) = bytes.split_at(16);
        Self::from_parts(Prf::Sha1, 10_000, salt.to_vec(), digest.to_vec())
    }

    /// Checks the parts.
    pub(crate) fn from_parts(
        prf: Prf,
        iterations: u32,
        salt: Vec<u8>,
        digest: Vec<u8>,
    ) -> Result<Self, Refused> {
        let reader = prf.reader();
        let iterations = NonZeroU32::new(ITERATIONS.check(reader.0, iterations)?);
        let iterations = iterations.ok_or(reader.out_of_bounds(I.name, I.under))?;
        reader.length("salt", &salt, (1, MAX_SALT))?;
        reader.length("digest", &digest, (16, 64))?;
        Ok(Self { prf, iterations, salt, digest })
    }

    pub(crate) const fn format(&self) -> Format {
        self.prf.format()
    }

    /// Each block of the digest takes all iterations. SHA-1 and SHA-256 by the processor's own instructions.
    pub(crate) fn nanoseconds(&self) -> u64 {
        let blocks = self.digest.len().div_ceil(self.prf.length());
        let iteration: u64 = match self.prf {
            Prf::Sha1 | Prf::Sha256 => 115,
            Prf::Sha512 => 500,
        };
        iteration * u64::from(self.iterations.get()) * u64::try_from(blocks).unwrap_or(u64::MAX)
    }

    /// Compares in constant time.
    pub(crate) fn verify(&self, password: &[u8]) -> bool {
        let Self { prf, iterations, salt, digest } = self;
        pbkdf2::verify(prf.algorithm(), *iterations, salt, password, digest).is_ok()
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, iterations, length) = (self.format(), self.iterations, self.digest.len());
        let (salt, digest) = (phc_base64(&self.salt), phc_base64(&self.digest));
        write!(f, "${name}$i={iterations},l={length}${salt}${digest}")
    }
}
