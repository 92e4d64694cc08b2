//! One-time codes: six digits that prove that a person reads a mailbox, or holds an authenticator app.

use std::fmt;

use rand::{CryptoRng, RngExt as _};

/// Six decimal digits. Its `Debug` hides them.
#[derive(Clone, PartialEq, Eq)]
pub struct OneTimeCode(String);

impl OneTimeCode {
    /// Draws a code; every one of the million is equally likely.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        Self(format!("{:06}", rng.random_range(0..1_000_000)))
    }

    /// Reads a code that was typed: exactly six ASCII digits, or nothing. Spaces are not trimmed.
    pub fn parse(text: &str) -> Option<Self> {
        let well_formed = text.len() == 6 && text.bytes().all(|byte| byte.is_ascii_digit());
        well_formed.then(|| Self(text.to_owned()))
    }

    /// The digits.
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
