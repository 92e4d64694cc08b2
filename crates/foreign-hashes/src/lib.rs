//! Parses the password hashes of other systems, says what they cost, and verifies passwords against them.
//!
//! ```
//! use foreign_hashes::{ForeignHash, Format, HashParameters};
//!
//! let text = "pbkdf2_sha256$1000$somesalt$8aehb/P7y85yHTC7hr2UJ9RRTXpZKXnu6vuPj7yvHyE=";
//! let hash = ForeignHash::import(text, &HashParameters::default())?;
//! assert_eq!(hash.format(), Format::Pbkdf2Sha256);
//! assert!(!hash.verify(b"not the password"));
//!
//! let stored = hash.to_string();
//! assert_eq!(ForeignHash::parse(&stored)?, hash);
//! # Ok::<(), foreign_hashes::Refused>(())
//! ```
//!
//! README.md has the table of formats. Every parameter is checked before memory or time is spent: a [`ForeignHash`] that
//! exists allocates a gibibyte at the most and computes for about seven seconds at the most, on one core of the machine that
//! [`ForeignHash::estimate`] knows. There are no threads and no I/O.
//!
//! # The canonical text
//!
//! [`Display`](fmt::Display) writes one spelling of each kind of hash, with all that its verification needs: what was
//! beside the text at [`ForeignHash::import`] is in it, so that a column of text is enough to keep it. That includes
//! secrets (Firebase's signer key, a pepper, as `{pepper=…}` before the rest).
//!
//! # Passwords
//!
//! [`ForeignHash::verify`] answers as the library that made the hash does, for the bytes that it is given: no
//! normalisation (NFC), no trimming. Spellings of what was typed are the caller's to try; see
//! [`ForeignHash::as_wordpress_trims`].
//!
//! | module | owns |
//! |---|---|
//! | `recognize`, `unsupported` | which format a text is of |
//! | `text`, `itoa64` | reading fields, numbers and base64 within bounds |
//! | `bcrypt`, `argon2`, `scrypt`, `firebase`, `pbkdf2`, `sha_crypt`, `md5_crypt`, `phpass`, `ldap` | a way to verify each |
//! | `keycloak`, `aspnet`, `spring` | other spellings of these |
//! | `scheme` | one of them |

#![forbid(unsafe_code)]

mod argon2;
mod aspnet;
mod bcrypt;
mod firebase;
mod format;
mod itoa64;
mod keycloak;
mod ldap;
mod md5_crypt;
mod parameters;
mod pbkdf2;
mod phpass;
mod recognize;
mod refused;
mod scheme;
mod scrypt;
mod sha_crypt;
mod spring;
mod text;
mod unsupported;

use std::{fmt, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

pub use crate::{
    bcrypt::Bcrypt,
    format::Format,
    parameters::HashParameters,
    refused::{MAX_TEXT_BYTES, Refused},
};
use crate::{recognize::recognize, scheme::Scheme, text::Reader};

/// The most bytes of a pepper.
const MAX_PEPPER_BYTES: usize = 256;

/// A hash that can be verified, every parameter within its bounds.
#[derive(Clone, PartialEq, Eq)]
pub struct ForeignHash {
    scheme: Scheme,
    /// Appended to the password; argon2's secret.
    pepper: Option<Zeroizing<Vec<u8>>>,
}

impl ForeignHash {
    /// Reads the canonical text that a database keeps, which is what `Display` writes.
    ///
    /// # Errors
    /// Says which part of the text is wrong.
    pub fn parse(stored: &str) -> Result<Self, Refused> {
        Self::import(stored, &HashParameters::default())
    }

    /// Reads a text as the other system wrote it, with what that system keeps beside it. Takes the canonical text too.
    ///
    /// # Errors
    /// Says which part of the text, or which parameter, is wrong or missing.
    pub fn import(hash: &str, parameters: &HashParameters) -> Result<Self, Refused> {
        if hash.len() > MAX_TEXT_BYTES {
            return Err(Refused::TooLong);
        }
        let reader = Reader("pepper");
        let (pepper, text) = match hash.strip_prefix("{pepper=") {
            Some(rest) => {
                let (pepper, text) = reader.split(rest, '}', "the hash behind it")?;
                let bounds = (1, MAX_PEPPER_BYTES);
                (Some(reader.base64("its text", pepper, text::Base64::Padded, bounds)?), text)
            }
            None => (None, hash),
        };
        let scheme = recognize(text, parameters)?;
        let given = parameters.pepper.as_deref().filter(|_| !spring::takes_pepper(text));
        let pepper = match (pepper, given) {
            (Some(_), Some(_)) => return Err(reader.out_of_bounds("it", "there twice")),
            (Some(pepper), None) => Some(pepper),
            (None, given) => given.map(|given| given.as_bytes().to_vec()),
        };
        let pepper = pepper.map(Zeroizing::new);
        reader.length("it", pepper.as_deref().map_or(&[], Vec::as_slice), (0, MAX_PEPPER_BYTES))?;
        let hash = Self { scheme, pepper: pepper.filter(|pepper| !pepper.is_empty()) };
        hash.complete()
    }

    /// Refuses an argon2 that names a key where none was given.
    fn complete(self) -> Result<Self, Refused> {
        if let Scheme::Argon2(hash) = &self.scheme
            && hash.names_a_key()
            && self.pepper.is_none()
        {
            return Err(Refused::ParameterMissing { format: self.format().name(), name: "pepper" });
        }
        Ok(self)
    }

    /// The format, by how it is verified.
    #[must_use]
    pub const fn format(&self) -> Format {
        self.scheme.format()
    }

    /// Bytes that a verification allocates; 0 for what is not memory-hard.
    #[must_use]
    pub fn memory(&self) -> u64 {
        self.scheme.memory()
    }

    /// About how long a verification takes: processor time on one core of an AMD EPYC (Zen 4, 3.5 GHz). Other machines take
    /// a third to twice as long, and without instructions for SHA up to five times.
    #[must_use]
    pub fn estimate(&self) -> Duration {
        Duration::from_nanos(self.scheme.nanoseconds())
    }

    /// The numbers of a hash of the bcrypt family, for callers with a bcrypt of their own: they compute it of
    /// [`Self::bcrypt_key`] and a NUL, cut at 72 bytes. Nothing for other hashes.
    #[must_use]
    pub const fn bcrypt(&self) -> Option<Bcrypt> {
        if let Scheme::Bcrypt(hash) = &self.scheme { Some(hash.bcrypt()) } else { None }
    }

    /// The bytes that go into bcrypt: what the format makes of the password, at most 72 of them, without the NUL that
    /// bcrypt adds. Empty for other hashes.
    #[must_use]
    pub fn bcrypt_key(&self, password: &[u8]) -> Zeroizing<Vec<u8>> {
        if let Scheme::Bcrypt(hash) = &self.scheme {
            hash.key(&self.peppered(password))
        } else {
            Zeroizing::default()
        }
    }

    /// Whether the hash compares the whole password. Where it does not (plain bcrypt of 72 bytes and more), a password that
    /// verifies may be another than the one that was set: the hash must not be replaced by one of this password.
    #[must_use]
    pub fn compares_all_of(&self, password: &[u8]) -> bool {
        if let Scheme::Bcrypt(hash) = &self.scheme { hash.compares_all_of(password) } else { true }
    }

    /// What WordPress' login form makes of a password before it verifies it: without the spaces, tabs, line breaks, NULs and
    /// vertical tabs around it. Nothing where the hash is not WordPress' (`$wp$`, `$P$`), or where that changes nothing.
    ///
    /// WordPress stores a hash of the trimmed password. [`Self::verify`] takes it only so, as `wp_check_password` does: a login
    /// that should take what WordPress' own takes tries this spelling as well. Where only this one verifies, the hash should
    /// not be replaced, since one of ours would take one of both spellings only.
    #[must_use]
    pub fn as_wordpress_trims<'password>(
        &self,
        password: &'password [u8],
    ) -> Option<&'password [u8]> {
        let phpass =
            if let Scheme::Phpass(hash) = &self.scheme { hash.is_of_wordpress() } else { false };
        let wordpress = phpass || self.format() == Format::WordPress;
        let trimmed = trim(password);
        (wordpress && trimmed.len() != password.len()).then_some(trimmed)
    }

    /// Whether this is the password, as the library that made the hash would say. Blocks for as long as that takes,
    /// allocates [`Self::memory`] and compares in constant time.
    #[must_use]
    pub fn verify(&self, password: &[u8]) -> bool {
        if let Scheme::Argon2(hash) = &self.scheme {
            return hash.verify(password, self.pepper.as_deref().map(Vec::as_slice));
        }
        self.scheme.verify(&self.peppered(password))
    }

    fn peppered(&self, password: &[u8]) -> Zeroizing<Vec<u8>> {
        let pepper = self.pepper.as_deref().map_or(&[][..], Vec::as_slice);
        Zeroizing::new([password, pepper].concat())
    }
}

/// PHP's `trim`.
fn trim(mut password: &[u8]) -> &[u8] {
    let blank = |byte: &u8| b" \t\n\r\0\x0b".contains(byte);
    while let [first, rest @ ..] = password
        && blank(first)
    {
        password = rest;
    }
    while let [rest @ .., last] = password
        && blank(last)
    {
        password = rest;
    }
    password
}

impl fmt::Display for ForeignHash {
    /// Writes the canonical text. It holds what the other system keeps secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(pepper) = &self.pepper {
            let pepper = Zeroizing::new(STANDARD.encode(&**pepper));
            write!(f, "{{pepper={}}}", *pepper)?;
        }
        self.scheme.fmt(f)
    }
}

impl fmt::Debug for ForeignHash {
    /// Names the format, and nothing of the hash.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ForeignHash").field("format", &self.format()).finish_non_exhaustive()
    }
}
