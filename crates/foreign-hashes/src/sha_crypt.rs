//! sha256-crypt, sha512-crypt and md5-crypt: what `crypt(3)` writes as `$5$`, `$6$` and `$1$`.

use std::fmt;

use aws_lc_rs::constant_time;
use zeroize::Zeroizing;

use crate::{
    Format, Refused, itoa64, md5_crypt,
    text::{Number, Reader},
};

/// `crypt(3)` takes 999,999,999. This many of sha512-crypt take about five seconds.
const ROUNDS: Number = Number {
    name: "rounds",
    min: 1000,
    under: "under 1,000",
    max: 10_000_000,
    over: "over 10,000,000",
};

/// The rounds of a text that does not say them.
const USUAL_ROUNDS: u32 = 5000;

/// Which of the three it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Md5,
    Sha256,
    Sha512,
}

impl Kind {
    const fn format(self) -> Format {
        match self {
            Self::Md5 => Format::Md5Crypt,
            Self::Sha256 => Format::Sha256Crypt,
            Self::Sha512 => Format::Sha512Crypt,
        }
    }

    const fn ident(self) -> char {
        match self {
            Self::Md5 => '1',
            Self::Sha256 => '5',
            Self::Sha512 => '6',
        }
    }

    const fn max_salt(self) -> usize {
        match self {
            Self::Md5 => 8,
            Self::Sha256 | Self::Sha512 => 16,
        }
    }

    /// Characters of the digest.
    const fn length(self) -> usize {
        match self {
            Self::Md5 => 22,
            Self::Sha256 => 43,
            Self::Sha512 => 86,
        }
    }
}

/// A digest of `crypt(3)` with its salt and rounds. The texts are kept: only the text of a result is compared.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Hash {
    kind: Kind,
    /// Only if the text says them.
    rounds: Option<u32>,
    salt: String,
    digest: String,
}

impl Hash {
    /// Reads the text behind `$6$` and its kind.
    pub(crate) fn parse(kind: Kind, text: &str) -> Result<Self, Refused> {
        let reader = Reader(kind.format().name());
        let (rounds, rest) = match text.strip_prefix("rounds=") {
            Some(rest) if kind != Kind::Md5 => {
                let (rounds, rest) = reader.split(rest, '$', "salt")?;
                (Some(reader.number(&ROUNDS, rounds)?), rest)
            }
            _ => (None, text),
        };
        let (salt, digest) = reader.split(rest, '$', "digest")?;
        let salt = reader.plain_salt(salt, kind.max_salt())?.to_owned();
        let digest = itoa64::digest(reader, digest, kind.length())?.to_owned();
        Ok(Self { kind, rounds, salt, digest })
    }

    pub(crate) const fn format(&self) -> Format {
        self.kind.format()
    }

    pub(crate) fn nanoseconds(&self) -> u64 {
        let rounds = u64::from(self.rounds.unwrap_or(USUAL_ROUNDS));
        match self.kind {
            Kind::Md5 => 220_000,
            Kind::Sha256 => 105 * rounds,
            Kind::Sha512 => 460 * rounds,
        }
    }

    pub(crate) fn verify(&self, password: &[u8]) -> bool {
        let salt = self.salt.as_bytes();
        let rounds = self.rounds.unwrap_or(USUAL_ROUNDS);
        let parameters = sha_crypt::Params::new(rounds).unwrap_or_default();
        let computed = Zeroizing::new(match self.kind {
            Kind::Md5 => itoa64::md5(&md5_crypt::digest(password, salt)),
            Kind::Sha256 => itoa64::sha256(&sha_crypt::sha256_crypt(password, salt, parameters)),
            Kind::Sha512 => itoa64::sha512(&sha_crypt::sha512_crypt(password, salt, parameters)),
        });
        constant_time::verify_slices_are_equal(computed.as_bytes(), self.digest.as_bytes()).is_ok()
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "${}$", self.kind.ident())?;
        if let Some(rounds) = self.rounds {
            write!(f, "rounds={rounds}$")?;
        }
        write!(f, "{}${}", self.salt, self.digest)
    }
}
