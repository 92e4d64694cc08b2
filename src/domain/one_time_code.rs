//! One-time codes that prove that a person reads a mailbox, or holds an authenticator app: six digits, or ten letters and digits.

use std::fmt;

use rand::{CryptoRng, RngExt as _};

use super::crockford;

/// The characters of a long code: five bits each.
const LONG: usize = 10;

/// How many of them stand together.
const GROUP: usize = 5;

/// A code as it is shown. Its `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct OneTimeCode(String);

impl OneTimeCode {
    /// Draws six decimal digits; every one of the million codes is equally likely.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        Self(format!("{:06}", rng.random_range(0..1_000_000)))
    }

    /// Draws a code of 50 bits, such as `K7QX2-M9TRW`: for where anybody may guess, as often as they like.
    pub fn generate_long(rng: &mut impl CryptoRng) -> Self {
        Self::long(&crockford::write(rng.random(), LONG))
    }

    fn long(letters: &str) -> Self {
        Self(crockford::grouped(letters, GROUP).to_string())
    }

    /// Reads six digits that were typed: exactly six ASCII digits, or nothing. Spaces are not trimmed.
    pub fn parse(text: &str) -> Option<Self> {
        let well_formed = text.len() == 6 && text.bytes().all(|byte| byte.is_ascii_digit());
        well_formed.then(|| Self(text.to_owned()))
    }

    /// Reads a long code that was typed, in any case, with or without dashes and spaces.
    pub fn parse_long(text: &str) -> Option<Self> {
        crockford::read(text, LONG).map(|letters| Self::long(&letters))
    }

    /// The code.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for OneTimeCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OneTimeCode(..)")
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use rand::{TryCryptoRng, TryRng};

    use super::*;

    #[test]
    fn reads_six_ascii_digits_and_nothing_else() {
        assert!(OneTimeCode::parse("012345").is_some());
        for text in
            ["", " 123456", "123456 ", "+23456", "12345", "1234567", "１２３４５６", "12345a"]
        {
            assert!(OneTimeCode::parse(text).is_none(), "{text:?}");
        }
    }

    /// Draws the same byte for ever.
    struct Always(u8);

    impl TryRng for Always {
        type Error = Infallible;

        fn try_next_u32(&mut self) -> Result<u32, Infallible> {
            Ok(u32::from_ne_bytes([self.0; 4]))
        }

        fn try_next_u64(&mut self) -> Result<u64, Infallible> {
            Ok(u64::from_ne_bytes([self.0; 8]))
        }

        fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
            bytes.fill(self.0);
            Ok(())
        }
    }

    impl TryCryptoRng for Always {}

    #[test]
    fn the_first_and_the_last_code_can_be_drawn() {
        assert_eq!(OneTimeCode::generate(&mut Always(0)).expose(), "000000");
        assert_eq!(OneTimeCode::generate(&mut Always(0xFF)).expose(), "999999");
    }

    #[test]
    fn a_long_code_is_read_however_it_is_typed_and_is_no_short_one() {
        let code = OneTimeCode::generate_long(&mut rand::rng());
        let shown = code.expose();
        assert_eq!((shown.len(), shown.find('-')), (11, Some(5)), "{shown}");
        for typed in [shown.to_lowercase(), shown.replace('-', ""), shown.replace('0', "o")] {
            assert_eq!(OneTimeCode::parse_long(&typed), Some(code.clone()), "{typed}");
        }
        for bad in ["", "123456", &shown[1..], &format!("{shown}A")] {
            assert_eq!(OneTimeCode::parse_long(bad), None, "{bad}");
        }
        assert_eq!(OneTimeCode::parse(shown), None);
        assert_eq!(OneTimeCode::generate_long(&mut Always(0xFF)).expose(), "ZZZZZ-ZZZZZ");
    }

    #[test]
    fn each_digit_is_drawn_evenly_in_each_place() {
        let mut counts = [[0_u32; 10]; 6];
        let mut rng = rand::rng();
        for _ in 0..20_000 {
            let code = OneTimeCode::generate(&mut rng);
            for (place, digit) in code.expose().bytes().enumerate() {
                counts[place][usize::from(digit - b'0')] += 1;
            }
        }
        // Chi-squared, 9 degrees of freedom: 60 is passed by chance once in a thousand million.
        for place in counts {
            let excess = |n: u32| (f64::from(n) - 2000.0).powi(2) / 2000.0;
            assert!(place.into_iter().map(excess).sum::<f64>() < 60.0, "{place:?}");
        }
    }
}
