//! One-time codes that prove access to a mailbox or an authenticator app: six digits, or ten letters and digits.

use std::fmt;

use rand::{CryptoRng, RngExt as _};

use super::{InvalidField, crockford, size::Size, typed};

/// The digits of a short code.
const SHORT: usize = 6;

/// The characters of a long code: five bits each.
const LONG: usize = 10;

/// The size of a group of them.
const GROUP: usize = 5;

/// A code as it is shown. Its `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct OneTimeCode(String);

impl OneTimeCode {
    /// Generates six decimal digits; every one of the million codes is equally likely.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        Self(format!("{:06}", rng.random_range(0..1_000_000)))
    }

    /// Generates a code of 50 bits, such as `K7QX2-M9TRW`: for where attempts are not limited (brute force).
    pub fn generate_long(rng: &mut impl CryptoRng) -> Self {
        Self::long(&crockford::write(rng.random(), LONG))
    }

    fn long(letters: &str) -> Self {
        Self(crockford::grouped(letters, GROUP).to_string())
    }

    /// Parses six typed digits, of any script, with or without spaces and dashes. `None` if there is anything else among
    /// them, or more or fewer.
    pub fn parse(text: &str) -> Option<Self> {
        // One more than allowed shows that there are too many.
        let digits: String = typed::characters(text).take(SHORT + 1).collect();
        let well_formed = digits.len() == SHORT && digits.bytes().all(|byte| byte.is_ascii_digit());
        well_formed.then_some(Self(digits))
    }

    /// Parses a typed long code, in any case, with or without dashes and spaces, with O for 0 and I or L for 1.
    pub fn parse_long(text: &str) -> Option<Self> {
        crockford::read(text, LONG).map(|letters| Self::long(&letters))
    }

    /// Parses the code of an authenticator app in that field.
    ///
    /// # Errors
    /// A text that is no such code in any spelling.
    pub fn of_an_app(field: Size, text: &str) -> Result<Self, InvalidField> {
        let problem = "must be the six digits that the app shows";
        Self::parse(text).ok_or_else(|| InvalidField::new(field.field, problem))
    }

    /// Parses a mailed code in that field: six digits, or a long one. Both are accepted everywhere: a code of the other
    /// kind is just a wrong one.
    ///
    /// # Errors
    /// A text that is no such code in any spelling.
    pub fn of_a_mail(field: Size, text: &str) -> Result<Self, InvalidField> {
        let problem = "must be the code that was sent: six digits, or ten letters and digits";
        let code = Self::parse(text).or_else(|| Self::parse_long(text));
        code.ok_or_else(|| InvalidField::new(field.field, problem))
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
    use crate::domain::size;

    #[test]
    fn six_digits_are_one_code_in_every_spelling() {
        let code = OneTimeCode::parse("012345").unwrap();
        for typed in [
            " 012345",
            "012345\n",
            "012 345",
            "012-345",
            "0-1-2-3-4-5",
            "012\u{a0}\u{2013}345",
            "０１２３４５",
            "٠١٢٣٤٥",
            "۰۱۲۳۴۵",
            "०१२३४५",
            "๐๑๒ ๓๔๕",
            "01२३45",
        ] {
            assert_eq!(OneTimeCode::parse(typed), Some(code.clone()), "{typed:?}");
        }
    }

    #[test]
    fn what_can_not_be_a_code_is_a_bad_field() {
        let nowhere = [
            "",
            " ",
            "-",
            "12345",
            "1234567",
            "12345 67",
            "+23456",
            "-12345",
            "1.2345",
            "12345a",
            "abcdef",
            "12345O",
            "l23456",
            "①②③④⑤⑥",
            "²²²²²²",
            "五五五五五五",
            "0x1234",
            "123,456",
        ];
        for text in nowhere {
            assert!(OneTimeCode::parse(text).is_none(), "{text:?}");
            assert_eq!(
                OneTimeCode::of_an_app(size::TOTP_CODE, text).unwrap_err().field,
                "totp_code"
            );
            assert_eq!(OneTimeCode::of_a_mail(size::OTP_CODE, text).unwrap_err().field, "otp_code");
        }
        assert!(OneTimeCode::of_an_app(size::TOTP_CODE, "K7QX2-M9TRW").is_err());
        assert!(OneTimeCode::of_a_mail(size::OTP_CODE, "K7QX2-M9TRU").is_err(), "no U is in any");
        for login in ["123456", "K7QX2-M9TRW", "k7qx2 m9trw"] {
            assert!(OneTimeCode::of_a_mail(size::OTP_CODE, login).is_ok(), "{login}");
        }
    }

    /// A generator that repeats one byte.
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
        let wide = |c: char| char::from_u32(u32::from(c) + 0xfee0).unwrap();
        for typed in [
            shown.to_lowercase(),
            shown.replace('-', ""),
            shown.replace('-', "\u{2014}"),
            shown.replace('0', "o").replace('1', "l"),
            shown.replace('1', "I"),
            shown.replace('2', "٢").replace('7', "७"),
            shown.to_lowercase().chars().map(wide).collect(),
            shown.chars().flat_map(|c| [c, ' ']).collect(),
        ] {
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
