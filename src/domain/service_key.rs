//! The text of a service account's key: a prefix, 256 random bits, and a checksum.
//!
//! Scanners of repositories and logs find a leaked key by the prefix, and know by the checksum that it is one. Letters
//! and digits alone survive every encoding of HTTP's Basic.

use std::fmt;

use zeroize::Zeroizing;

const PREFIX: &str = "cskey";
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// 62 to this power exceeds 2 to the power of 256.
const SECRET_DIGITS: usize = 43;
/// 62 to this power exceeds 2 to the power of 32.
const CHECKSUM_DIGITS: usize = 6;

/// A well-formed key. Its `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct ServiceKeyText(Zeroizing<String>);

impl ServiceKeyText {
    /// A key of 256 random bits.
    pub fn of(random: &[u8; 32]) -> Self {
        let mut text = PREFIX.to_owned();
        text.push_str(&base62(random, SECRET_DIGITS));
        let checksum = checksum(&text);
        text.push_str(&checksum);
        Self(Zeroizing::new(text))
    }

    /// Parses a key. A typing error is noticed by the checksum, before any look-up.
    pub fn parse(text: &str) -> Option<Self> {
        let is_long_enough = text.len() == PREFIX.len() + SECRET_DIGITS + CHECKSUM_DIGITS;
        if !is_long_enough || !Self::is_like(text) || !text.is_ascii() {
            return None;
        }
        let (signed, given) = text.split_at(text.len() - CHECKSUM_DIGITS);
        (checksum(signed) == given).then(|| Self(Zeroizing::new(text.to_owned())))
    }

    /// Whether the text begins as a key does. No JWT does.
    pub fn is_like(text: &str) -> bool {
        text.starts_with(PREFIX)
    }

    /// The key.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ServiceKeyText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServiceKeyText(..)")
    }
}

/// CRC-32 as digits.
fn checksum(text: &str) -> String {
    base62(&crc32fast::hash(text.as_bytes()).to_be_bytes(), CHECKSUM_DIGITS)
}

/// The number in these bytes (big-endian) as so many digits: long division by 62, byte by byte.
fn base62(bytes: &[u8], digits: usize) -> String {
    let mut number = Zeroizing::new(bytes.to_vec());
    let mut text = vec![0; digits];
    for digit in text.iter_mut().rev() {
        let mut remainder = 0;
        for byte in number.iter_mut() {
            let value = remainder * 256 + u32::from(*byte);
            *byte = u8::try_from(value / 62).unwrap_or_default();
            remainder = value % 62;
        }
        *digit = ALPHABET[usize::try_from(remainder).unwrap_or_default()];
    }
    text.into_iter().map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_a_known_form() {
        let zero = ServiceKeyText::of(&[0; 32]);
        assert_eq!(&zero.expose()[..48], format!("cskey{}", "0".repeat(43)));
        let most = ServiceKeyText::of(&[255; 32]);
        for key in [zero, most] {
            assert_eq!(key.expose().len(), 54);
            assert!(key.expose().chars().all(|c| c.is_ascii_alphanumeric()));
            assert_eq!(ServiceKeyText::parse(key.expose()), Some(key));
        }
    }

    #[test]
    fn digits_are_those_of_the_number() {
        assert_eq!(base62(&[0, 61], 3), "00z");
        assert_eq!(base62(&[0, 62], 3), "010");
        assert_eq!(base62(&3843_u32.to_be_bytes(), 3), "0zz");
        assert_eq!(base62(&u32::MAX.to_be_bytes(), 6), "4gfFC3");
    }

    #[test]
    fn one_changed_character_is_noticed() {
        let key = ServiceKeyText::of(&[7; 32]);
        let text = key.expose();
        for place in 0..text.len() {
            let other = if text.as_bytes()[place] == b'x' { "y" } else { "x" };
            let mut changed = text.to_owned();
            changed.replace_range(place..=place, other);
            assert_eq!(ServiceKeyText::parse(&changed), None, "{place}");
            let mut shorter = text.to_owned();
            shorter.remove(place);
            assert_eq!(ServiceKeyText::parse(&shorter), None, "{place} left out");
        }
        assert_eq!(ServiceKeyText::parse(""), None);
        assert_eq!(ServiceKeyText::parse(&format!("{text} ")), None);
        assert_eq!(ServiceKeyText::parse(&text.replace("cskey", "cské")), None);
    }
}
