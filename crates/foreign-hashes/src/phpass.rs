//! phpass' portable hashes (`$P$` of WordPress before 6.8, `$H$` of phpBB) and Drupal 7's `$S$`.

use std::fmt;

use aws_lc_rs::{constant_time, digest};
use md5::{Digest as _, Md5};
use zeroize::Zeroizing;

use crate::{Format, Refused, itoa64, text::Reader};

/// The bounds of the exponent. phpass takes 30; 2^23 of Drupal's rounds take about two seconds.
const MIN_LOG: u8 = 7;
const MAX_LOG: u8 = 23;

/// The longest passwords: longer ones are refused by both before anything is computed.
const MAX_PHPASS_PASSWORD: usize = 4096;
const MAX_DRUPAL_PASSWORD: usize = 512;

/// Which of the three it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    P,
    H,
    Drupal,
}

/// A digest with its salt and exponent.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Hash {
    kind: Kind,
    /// The exponent, as the character of the alphabet at its place, and its value.
    cost: char,
    log: u8,
    salt: String,
    digest: String,
}

impl Hash {
    /// Reads the text behind `$P$` and its kind: one character of cost, eight of salt, the digest.
    pub(crate) fn parse(kind: Kind, text: &str) -> Result<Self, Refused> {
        let reader = Reader(format(kind).name());
        let cost = text.chars().next().ok_or(reader.missing("cost"))?;
        let log = u8::try_from(cost).ok().and_then(itoa64::value);
        let log = log.ok_or(reader.encoding("cost", "a character of crypt(3)'s base64"))?;
        if log < MIN_LOG {
            return Err(reader.out_of_bounds("cost", "under 7"));
        }
        if log > MAX_LOG {
            return Err(reader.out_of_bounds("cost", "over 23"));
        }
        let (_, rest) = text.split_at_checked(1).ok_or(reader.missing("salt"))?;
        let (salt, digest) = rest.split_at_checked(8).ok_or(reader.missing("salt"))?;
        let salt = reader.plain_salt(salt, 8)?.to_owned();
        let digest = itoa64::digest(reader, digest, length(kind))?.to_owned();
        Ok(Self { kind, cost, log, salt, digest })
    }

    pub(crate) const fn format(&self) -> Format {
        format(self.kind)
    }

    pub(crate) const fn nanoseconds(&self) -> u64 {
        let round = match self.kind {
            Kind::P | Kind::H => 135,
            Kind::Drupal => 240,
        };
        round << self.log
    }

    /// Whether WordPress writes it, whose login form trims passwords.
    pub(crate) fn is_of_wordpress(&self) -> bool {
        self.kind == Kind::P
    }

    pub(crate) fn verify(&self, password: &[u8]) -> bool {
        let computed = Zeroizing::new(match self.kind {
            Kind::P | Kind::H if password.len() <= MAX_PHPASS_PASSWORD => self.md5(password),
            Kind::Drupal if password.len() <= MAX_DRUPAL_PASSWORD => self.sha512(password),
            Kind::P | Kind::H | Kind::Drupal => return false,
        });
        let computed = computed.get(..self.digest.len()).unwrap_or_default();
        constant_time::verify_slices_are_equal(computed.as_bytes(), self.digest.as_bytes()).is_ok()
    }

    fn md5(&self, password: &[u8]) -> String {
        let first = Md5::new().chain_update(self.salt.as_bytes()).chain_update(password);
        let mut state: [u8; 16] = first.finalize().into();
        for _ in 0..1_u32 << self.log {
            state = Md5::new().chain_update(state).chain_update(password).finalize().into();
        }
        itoa64::plain(&state)
    }

    fn sha512(&self, password: &[u8]) -> String {
        let first = Zeroizing::new([self.salt.as_bytes(), password].concat());
        let mut state = digest::digest(&digest::SHA512, &first);
        let mut block = Zeroizing::new([state.as_ref(), password].concat());
        for _ in 0..1_u32 << self.log {
            if let Some(start) = block.get_mut(..64) {
                start.copy_from_slice(state.as_ref());
            }
            state = digest::digest(&digest::SHA512, &block);
        }
        itoa64::plain(state.as_ref())
    }
}

const fn format(kind: Kind) -> Format {
    match kind {
        Kind::P | Kind::H => Format::Phpass,
        Kind::Drupal => Format::Drupal7,
    }
}

/// Characters of the digest: Drupal cuts the whole text at 55.
const fn length(kind: Kind) -> usize {
    match kind {
        Kind::P | Kind::H => 22,
        Kind::Drupal => 43,
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let letter = match self.kind {
            Kind::P => 'P',
            Kind::H => 'H',
            Kind::Drupal => 'S',
        };
        write!(f, "${letter}${}{}{}", self.cost, self.salt, self.digest)
    }
}
