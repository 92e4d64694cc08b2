//! bcrypt, and what others put before it because it reads 72 bytes only.

use std::fmt;

use aws_lc_rs::{constant_time, digest, hmac};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

use crate::{
    Format, Refused,
    text::{BCRYPT, Fields, Number, Reader},
};

/// The most bytes that bcrypt reads.
const MAX_BYTES: usize = 72;

const VERSION: Number = Number { name: "v", min: 2, under: "not 2", max: 2, over: "not 2" };
const COST: Number = Number { name: "cost", min: 4, under: "under 4", max: 16, over: "over 16" };
const ROUNDS: Number = Number { name: "r", ..COST };

/// The numbers of a bcrypt, for callers that compute it themselves.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Bcrypt {
    /// The logarithm of the number of iterations, 4 to 16.
    pub cost: u32,
    /// The salt.
    pub salt: [u8; 16],
    /// The digest, of which bcrypt strings keep 23 of 24 bytes.
    pub digest: [u8; 23],
}

impl fmt::Debug for Bcrypt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bcrypt").field("cost", &self.cost).finish_non_exhaustive()
    }
}

/// The way from a password to bcrypt's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Plain,
    /// base64 of SHA-256.
    PasslibV1,
    /// base64 of HMAC-SHA-256 under the salt's text.
    PasslibV2,
    /// Hexadecimal SHA-256.
    Django,
    /// base64 of HMAC-SHA-384 under "wp-sha384".
    WordPress,
}

/// A bcrypt with the way to its key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hash {
    way: Way,
    /// `a`, `b` or `y`, which mean the same; kept so that an export gives back what came in.
    letter: char,
    bcrypt: Bcrypt,
}

impl Hash {
    /// Reads `$2a$…`, `$2b$…` or `$2y$…`.
    pub(crate) fn plain(text: &str) -> Result<Self, Refused> {
        let reader = Reader(Format::Bcrypt.name());
        Self::modular(reader, Way::Plain, text)
    }

    /// Reads what Django writes: `bcrypt_sha256$` and a bcrypt string.
    pub(crate) fn django(text: &str) -> Result<Self, Refused> {
        Self::modular(Reader(Format::DjangoBcryptSha256.name()), Way::Django, text)
    }

    /// Reads what WordPress writes: `$wp` and a bcrypt string.
    pub(crate) fn wordpress(text: &str) -> Result<Self, Refused> {
        Self::modular(Reader(Format::WordPress.name()), Way::WordPress, text)
    }

    /// Reads passlib's, behind `$bcrypt-sha256$`.
    pub(crate) fn passlib(text: &str) -> Result<Self, Refused> {
        let reader = Reader(Format::PasslibBcryptSha256.name());
        let (parameters, rest) = reader.split(text, '$', "salt")?;
        let (salt, digest) = reader.split(rest, '$', "digest")?;
        let (way, ident, cost) = if parameters.starts_with('2') {
            let (ident, rounds) = reader.split(parameters, ',', "r")?;
            (Way::PasslibV1, ident, reader.number(&ROUNDS, rounds)?)
        } else {
            let fields = Fields::parse(reader, parameters, &["v", "t", "r"])?;
            fields.number(&VERSION)?;
            let ident = fields.optional("t").ok_or(reader.missing("t"))?;
            (Way::PasslibV2, ident, fields.number(&ROUNDS)?)
        };
        let letter = letter(reader, ident)?;
        Ok(Self { way, letter, bcrypt: parts(reader, cost, salt, digest)? })
    }

    fn modular(reader: Reader, way: Way, text: &str) -> Result<Self, Refused> {
        let rest = text.strip_prefix('$').ok_or(reader.missing("$2b$"))?;
        let (ident, rest) = reader.split(rest, '$', "cost")?;
        let letter = letter(reader, ident)?;
        let (cost, rest) = reader.split(rest, '$', "salt")?;
        if cost.len() != 2 {
            return Err(reader.encoding(COST.name, "two digits"));
        }
        let cost = reader.number(&COST, cost.strip_prefix('0').unwrap_or(cost))?;
        let (salt, digest) = rest.split_at_checked(22).ok_or(reader.missing("digest"))?;
        Ok(Self { way, letter, bcrypt: parts(reader, cost, salt, digest)? })
    }

    pub(crate) const fn format(&self) -> Format {
        match self.way {
            Way::Plain => Format::Bcrypt,
            Way::PasslibV1 | Way::PasslibV2 => Format::PasslibBcryptSha256,
            Way::Django => Format::DjangoBcryptSha256,
            Way::WordPress => Format::WordPress,
        }
    }

    pub(crate) const fn bcrypt(&self) -> Bcrypt {
        self.bcrypt
    }

    /// Whether the key is made of every byte of the password. Of 72 bytes and more of plain bcrypt it is not: the stored
    /// password may be longer than the part that is compared, and so may this one.
    pub(crate) fn compares_all_of(&self, password: &[u8]) -> bool {
        self.way != Way::Plain || password.len() < MAX_BYTES
    }

    /// The key for bcrypt: at most 72 bytes, without the NUL that it adds.
    pub(crate) fn key(&self, password: &[u8]) -> Zeroizing<Vec<u8>> {
        let salt = BCRYPT.encode(self.bcrypt.salt);
        let mac = |algorithm, key: &[u8]| hmac::sign(&hmac::Key::new(algorithm, key), password);
        Zeroizing::new(match self.way {
            Way::Plain => plain_key(password),
            Way::PasslibV1 => {
                STANDARD.encode(digest::digest(&digest::SHA256, password)).into_bytes()
            }
            Way::PasslibV2 => STANDARD.encode(mac(hmac::HMAC_SHA256, salt.as_bytes())).into_bytes(),
            Way::Django => hexadecimal(digest::digest(&digest::SHA256, password).as_ref()),
            Way::WordPress => STANDARD.encode(mac(hmac::HMAC_SHA384, b"wp-sha384")).into_bytes(),
        })
    }

    pub(crate) fn verify(&self, password: &[u8]) -> bool {
        let mut key = Zeroizing::new(Vec::with_capacity(MAX_BYTES + 1));
        key.extend_from_slice(&self.key(password));
        key.push(0);
        key.truncate(MAX_BYTES);
        let raw = Zeroizing::new(::bcrypt::bcrypt(self.bcrypt.cost, self.bcrypt.salt, &key));
        let computed = raw.get(..23).unwrap_or_default();
        constant_time::verify_slices_are_equal(computed, &self.bcrypt.digest).is_ok()
    }
}

/// The bytes that plain bcrypt reads. It repeats its key, each time with a NUL behind it, so that `P` and `P NUL P` would be
/// one password: a password with a NUL is replaced by its digest, which matches nothing and takes the same time.
fn plain_key(password: &[u8]) -> Vec<u8> {
    if password.contains(&0) {
        return digest::digest(&digest::SHA512, password).as_ref().to_vec();
    }
    password.get(..MAX_BYTES).unwrap_or(password).to_vec()
}

fn hexadecimal(bytes: &[u8]) -> Vec<u8> {
    let digits = b"0123456789abcdef";
    let nibbles = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    nibbles.filter_map(|nibble| digits.get(usize::from(nibble)).copied()).collect()
}

/// The letter of `2a`, `2b` or `2y`. `2x` marks hashes of a broken implementation: it must never be taken for `2b`.
fn letter(reader: Reader, ident: &str) -> Result<char, Refused> {
    match ident {
        "2a" => Ok('a'),
        "2b" => Ok('b'),
        "2y" => Ok('y'),
        "2x" => Err(Refused::NotSupported("bcrypt $2x$")),
        "2" => Err(Refused::NotSupported("bcrypt $2$")),
        _ => Err(reader.encoding("letter", "2a, 2b or 2y")),
    }
}

fn parts(reader: Reader, cost: u32, salt: &str, digest: &str) -> Result<Bcrypt, Refused> {
    Ok(Bcrypt {
        cost,
        salt: decode(reader, "salt", salt)?,
        digest: decode(reader, "digest", digest)?,
    })
}

fn decode<const N: usize>(
    reader: Reader,
    field: &'static str,
    text: &str,
) -> Result<[u8; N], Refused> {
    let bytes = BCRYPT.decode(text);
    let bytes = bytes.map_err(|_alphabet| reader.encoding(field, "base64 as bcrypt has it"))?;
    reader.length(field, &bytes, (N, N))?;
    bytes.try_into().map_err(|_length| reader.out_of_bounds(field, "too long"))
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { way, letter, bcrypt: Bcrypt { cost, salt, digest } } = self;
        let (salt, digest) = (BCRYPT.encode(salt), BCRYPT.encode(digest));
        match way {
            Way::Plain => write!(f, "$2{letter}${cost:02}${salt}{digest}"),
            Way::Django => write!(f, "bcrypt_sha256$$2{letter}${cost:02}${salt}{digest}"),
            Way::WordPress => write!(f, "$wp$2{letter}${cost:02}${salt}{digest}"),
            Way::PasslibV1 => write!(f, "$bcrypt-sha256$2{letter},{cost}${salt}${digest}"),
            Way::PasslibV2 => write!(f, "$bcrypt-sha256$v=2,t=2{letter},r={cost}${salt}${digest}"),
        }
    }
}
