//! The formats in which hashes are stored.
//!
//! New ones are passlib's `bcrypt_sha256`, version 2: bcrypt over the base64 of an HMAC-SHA256 of the password, keyed
//! with the salt's text. Every byte of a long password counts, and the hash moves to any system that has passlib.

use std::{fmt, str::FromStr as _};

use aws_lc_rs::hmac;
use base64::{
    Engine as _, alphabet,
    engine::general_purpose::{GeneralPurpose, NO_PAD, STANDARD},
};
use zeroize::Zeroizing;

/// bcrypt's own base64 alphabet. Some systems leave bits set behind the last byte: ignore them.
const BCRYPT_BASE64: GeneralPurpose =
    GeneralPurpose::new(&alphabet::BCRYPT, NO_PAD.with_decode_allow_trailing_bits(true));

/// The most bytes that bcrypt reads.
const BCRYPT_MAX_BYTES: usize = 72;

/// The way from a password to bcrypt's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scheme {
    /// passlib's `$bcrypt-sha256$v=2`.
    BcryptSha256,
    /// Plain bcrypt (`$2a$`, `$2b$`, `$2y$`) of imported users; bytes past the 72nd do not count.
    Bcrypt,
}

impl Scheme {
    /// The key for bcrypt: at most 72 bytes, without the NUL that it adds.
    pub(super) fn key(self, password: &str, salt: &[u8; 16]) -> Zeroizing<Vec<u8>> {
        let mut key = Zeroizing::new(Vec::with_capacity(BCRYPT_MAX_BYTES));
        match self {
            Self::BcryptSha256 => {
                let salt = BCRYPT_BASE64.encode(salt);
                let mac = hmac::sign(
                    &hmac::Key::new(hmac::HMAC_SHA256, salt.as_bytes()),
                    password.as_bytes(),
                );
                key.extend(STANDARD.encode(mac).into_bytes());
            }
            Self::Bcrypt => key.extend(password.bytes().take(BCRYPT_MAX_BYTES)),
        }
        key
    }

    /// Whether the hash compares the whole password. Not with 72 bytes or more of plain bcrypt: the stored password may be
    /// longer than the part that is compared, and so may this one.
    pub(super) fn compares_all_of(self, password: &str) -> bool {
        match self {
            Self::BcryptSha256 => true,
            Self::Bcrypt => password.len() < BCRYPT_MAX_BYTES,
        }
    }
}

/// A parsed hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StoredHash {
    pub(super) scheme: Scheme,
    pub(super) cost: u32,
    pub(super) salt: [u8; 16],
    pub(super) digest: [u8; 23],
}

/// A stored hash that cannot be used. The text never repeats the hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Malformed {
    #[error("its format is unknown")]
    Format,
    #[error("its cost is not between 4 and 16")]
    Cost,
    #[error("its salt or digest is not of the right length or alphabet")]
    Encoding,
}

impl StoredHash {
    /// Reads a stored hash.
    pub(super) fn parse(text: &str) -> Result<Self, Malformed> {
        if let Some(rest) = text.strip_prefix("$bcrypt-sha256$v=2,t=2b,r=") {
            let (cost, rest) = rest.split_once('$').ok_or(Malformed::Format)?;
            let (salt, digest) = rest.split_once('$').ok_or(Malformed::Format)?;
            return Self::from_parts(Scheme::BcryptSha256, cost, salt, digest);
        }
        let plain = ["$2a$", "$2b$", "$2y$"].iter().find_map(|prefix| text.strip_prefix(prefix));
        let (cost, rest) = plain.and_then(|rest| rest.split_once('$')).ok_or(Malformed::Format)?;
        let (salt, digest) = rest.split_at_checked(22).ok_or(Malformed::Encoding)?;
        Self::from_parts(Scheme::Bcrypt, cost, salt, digest)
    }

    fn from_parts(scheme: Scheme, cost: &str, salt: &str, digest: &str) -> Result<Self, Malformed> {
        let cost = u32::from_str(cost).map_err(|_not_a_number| Malformed::Cost)?;
        if !(4..=16).contains(&cost) {
            return Err(Malformed::Cost);
        }
        Ok(Self { scheme, cost, salt: decode(salt)?, digest: decode(digest)? })
    }
}

fn decode<const N: usize>(text: &str) -> Result<[u8; N], Malformed> {
    let bytes = BCRYPT_BASE64.decode(text).map_err(|_alphabet| Malformed::Encoding)?;
    bytes.try_into().map_err(|_length| Malformed::Encoding)
}

impl fmt::Display for StoredHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (salt, digest) = (BCRYPT_BASE64.encode(self.salt), BCRYPT_BASE64.encode(self.digest));
        match self.scheme {
            Scheme::BcryptSha256 => {
                write!(f, "$bcrypt-sha256$v=2,t=2b,r={}${salt}${digest}", self.cost)
            }
            Scheme::Bcrypt => write!(f, "$2b${:02}${salt}{digest}", self.cost),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_formats_are_read_and_written_alike() {
        for text in [
            "$bcrypt-sha256$v=2,t=2b,r=12$n79VH.0Q2TMWmt3Oqt9uku$Kq4Noyk3094Y2QlB8NdRT8SvGiI4ft2",
            "$2b$12$n79VH.0Q2TMWmt3Oqt9ukuKq4Noyk3094Y2QlB8NdRT8SvGiI4ft2",
        ] {
            assert_eq!(StoredHash::parse(text).map(|hash| hash.to_string()).as_deref(), Ok(text));
        }
    }

    #[test]
    fn bits_behind_the_salts_last_byte_count_for_nothing() {
        let of = |salt: &str| {
            StoredHash::parse(&format!("$2b$12${salt}Kq4Noyk3094Y2QlB8NdRT8SvGiI4ft2"))
        };
        assert_eq!(of("n79VH.0Q2TMWmt3Oqt9ukv"), of("n79VH.0Q2TMWmt3Oqt9uku"));
        assert!(of("n79VH.0Q2TMWmt3Oqt9ukv").is_ok());
    }

    #[test]
    fn what_cannot_be_used_says_why() {
        let (salt, digest) = ("n79VH.0Q2TMWmt3Oqt9uku", "Kq4Noyk3094Y2QlB8NdRT8SvGiI4ft2");
        for (text, why) in [
            (String::new(), Malformed::Format),
            (format!("$2x$12${salt}{digest}"), Malformed::Format),
            (format!("$bcrypt-sha256$v=1,t=2b,r=12${salt}${digest}"), Malformed::Format),
            (format!("$2b$31${salt}{digest}"), Malformed::Cost),
            (format!("$2b$-4${salt}{digest}"), Malformed::Cost),
            (format!("$2b$12${salt}{digest}x"), Malformed::Encoding),
            (format!("$2b$12${salt}{}", digest.replace('K', "é")), Malformed::Encoding),
            ("$2b$12$short".into(), Malformed::Encoding),
        ] {
            assert_eq!(StoredHash::parse(&text), Err(why), "{text}");
        }
    }

    #[test]
    fn keys_fit_bcrypt() {
        assert_eq!(Scheme::BcryptSha256.key("x", &[0; 16]).len(), 44);
        assert_eq!(Scheme::Bcrypt.key(&"a".repeat(100), &[0; 16]).len(), 72);
    }
}
