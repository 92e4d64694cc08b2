//! The formats in which hashes are stored.
//!
//! New ones are passlib's `bcrypt_sha256`, version 2: bcrypt over the base64 of an HMAC-SHA256 of the password, keyed
//! with the salt's text. Every byte of a long password counts, and the hash moves to any system that has passlib. Those of
//! imported users are what other systems wrote (`crates/foreign-hashes`), until their next login.

use std::{fmt, str::FromStr as _};

use aws_lc_rs::hmac;
use base64::{
    Engine as _, alphabet,
    engine::general_purpose::{GeneralPurpose, NO_PAD, STANDARD},
};
use foreign_hashes::{ForeignHash, Refused};
use zeroize::Zeroizing;

/// bcrypt's own base64 alphabet. Some systems leave bits set behind the last byte: ignore them.
const BCRYPT_BASE64: GeneralPurpose =
    GeneralPurpose::new(&alphabet::BCRYPT, NO_PAD.with_decode_allow_trailing_bits(true));

/// The prefix of hashes of ours.
const OURS: &str = "$bcrypt-sha256$v=2,t=2b,r=";

/// A stored hash.
#[derive(Debug, Clone)]
pub(super) enum StoredHash {
    /// One of ours.
    Ours(OurHash),
    /// Another system's.
    Foreign(Box<ForeignHash>),
}

/// A hash of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OurHash {
    pub(super) cost: u32,
    pub(super) salt: [u8; 16],
    pub(super) digest: [u8; 23],
}

/// A stored hash that cannot be used. The text never repeats the hash.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Malformed {
    #[error("its cost is not between 4 and 16")]
    Cost,
    #[error("its salt or digest is not of the right length or alphabet")]
    Encoding,
    #[error(transparent)]
    Foreign(#[from] Refused),
}

impl StoredHash {
    /// Reads a stored hash.
    pub(super) fn parse(text: &str) -> Result<Self, Malformed> {
        match text.strip_prefix(OURS) {
            Some(rest) => OurHash::parse(rest).map(Self::Ours),
            None => Ok(Self::Foreign(Box::new(ForeignHash::parse(text)?))),
        }
    }

    /// The bcrypt in it, if it is one: its cost, salt and digest.
    pub(super) fn bcrypt(&self) -> Option<OurHash> {
        match self {
            Self::Ours(hash) => Some(hash.clone()),
            Self::Foreign(hash) => {
                hash.bcrypt().map(|of| OurHash { cost: of.cost, salt: of.salt, digest: of.digest })
            }
        }
    }

    /// The key for bcrypt, where it is one.
    pub(super) fn key(&self, password: &str) -> Zeroizing<Vec<u8>> {
        match self {
            Self::Ours(hash) => OurHash::key(password, &hash.salt),
            Self::Foreign(hash) => hash.bcrypt_key(as_hashed(hash, password)),
        }
    }

    /// Whether it compares the whole password. Not plain bcrypt with 72 bytes or more: the stored password may be longer than
    /// the part that is compared, and so may this one. Not a hash of WordPress with spaces around what was typed.
    pub(super) fn compares_all_of(&self, password: &str) -> bool {
        match self {
            Self::Ours(_) => true,
            Self::Foreign(hash) => {
                let typed = password.as_bytes();
                as_hashed(hash, password) == typed && hash.compares_all_of(typed)
            }
        }
    }
}

/// The part of a password that its system has hashed: WordPress trims what is typed.
pub(super) fn as_hashed<'a>(hash: &ForeignHash, password: &'a str) -> &'a [u8] {
    hash.as_wordpress_trims(password.as_bytes()).unwrap_or(password.as_bytes())
}

impl OurHash {
    fn parse(rest: &str) -> Result<Self, Malformed> {
        let (cost, rest) = rest.split_once('$').ok_or(Malformed::Encoding)?;
        let (salt, digest) = rest.split_once('$').ok_or(Malformed::Encoding)?;
        let cost = u32::from_str(cost).map_err(|_not_a_number| Malformed::Cost)?;
        if !(4..=16).contains(&cost) {
            return Err(Malformed::Cost);
        }
        Ok(Self { cost, salt: decode(salt)?, digest: decode(digest)? })
    }

    /// The key for bcrypt: 44 bytes.
    pub(super) fn key(password: &str, salt: &[u8; 16]) -> Zeroizing<Vec<u8>> {
        let salt = BCRYPT_BASE64.encode(salt);
        let mac =
            hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, salt.as_bytes()), password.as_bytes());
        Zeroizing::new(STANDARD.encode(mac).into_bytes())
    }
}

fn decode<const N: usize>(text: &str) -> Result<[u8; N], Malformed> {
    let bytes = BCRYPT_BASE64.decode(text).map_err(|_alphabet| Malformed::Encoding)?;
    bytes.try_into().map_err(|_length| Malformed::Encoding)
}

impl fmt::Display for OurHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (salt, digest) = (BCRYPT_BASE64.encode(self.salt), BCRYPT_BASE64.encode(self.digest));
        write!(f, "{OURS}{}${salt}${digest}", self.cost)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str =
        "$bcrypt-sha256$v=2,t=2b,r=12$n79VH.0Q2TMWmt3Oqt9uku$Kq4Noyk3094Y2QlB8NdRT8SvGiI4ft2";

    fn ours(text: &str) -> Result<OurHash, Malformed> {
        StoredHash::parse(text).map(|hash| match hash {
            StoredHash::Ours(hash) => hash,
            StoredHash::Foreign(_) => panic!("not one of ours"),
        })
    }

    #[test]
    fn it_is_read_as_it_is_written() {
        assert_eq!(ours(TEXT).unwrap().to_string(), TEXT);
    }

    #[test]
    fn bits_behind_the_salts_last_byte_count_for_nothing() {
        let other = TEXT.replace("9uku$", "9ukv$");
        assert_eq!(ours(&other).unwrap(), ours(TEXT).unwrap());
    }

    #[test]
    fn what_cannot_be_used_says_why() {
        for (text, why) in [
            (TEXT.replace("r=12", "r=31"), Malformed::Cost),
            (TEXT.replace("r=12", "r=-4"), Malformed::Cost),
            (format!("{TEXT}x"), Malformed::Encoding),
            (TEXT.replace('K', "é"), Malformed::Encoding),
            (TEXT.replace("$Kq", "Kq"), Malformed::Encoding),
        ] {
            assert_eq!(ours(&text).unwrap_err(), why, "{text}");
        }
        for text in ["", "é", "$2x$12$n79VH.0Q2TMWmt3Oqt9ukuKq4Noyk3094Y2QlB8NdRT8SvGiI4ft2"] {
            assert!(matches!(StoredHash::parse(text), Err(Malformed::Foreign(_))), "{text}");
        }
    }

    #[test]
    fn a_bcrypt_of_another_system_is_computed_as_one() {
        let plain = "$2b$12$n79VH.0Q2TMWmt3Oqt9ukuKq4Noyk3094Y2QlB8NdRT8SvGiI4ft2";
        let hash = StoredHash::parse(plain).unwrap();
        assert_eq!(hash.bcrypt(), Some(ours(TEXT).unwrap()), "the same salt and digest");
        assert_eq!(hash.key(&"a".repeat(100)).len(), 72);
        assert_eq!(OurHash::key("x", &[0; 16]).len(), 44);
    }
}
