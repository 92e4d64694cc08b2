//! Recovery codes: what lets a user in whose phone is lost. Each works once.

use std::fmt;

use rand::{CryptoRng, RngExt as _};
use zeroize::Zeroizing;

use super::crockford;

/// 24 characters of five bits: 120 bits.
const LENGTH: usize = 24;

/// How many characters stand together when a code is shown.
const GROUP: usize = 6;

/// A recovery code, without the dashes it is shown with. Its `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct RecoveryCode(Zeroizing<String>);

impl RecoveryCode {
    /// How many a user has.
    pub const COUNT: usize = 10;

    /// Draws a code.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        Self(crockford::write(rng.random(), LENGTH))
    }

    /// Reads a code as people type it: in any case, with or without dashes and spaces, and with O for 0 and I or L for 1.
    pub fn parse(text: &str) -> Option<Self> {
        crockford::read(text, LENGTH).map(Self)
    }

    /// The code as its digest is made of it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The code as it is shown, this once: in groups with dashes between them.
    pub fn shown(&self) -> Zeroizing<String> {
        crockford::grouped(&self.0, GROUP)
    }
}

impl fmt::Debug for RecoveryCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecoveryCode(..)")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_code_is_read_however_it_is_typed() {
        let code = RecoveryCode::generate(&mut rand::rng());
        let shown = code.shown();
        assert_eq!((shown.len(), shown.matches('-').count()), (27, 3));
        for typed in [
            shown.to_string(),
            shown.to_lowercase(),
            shown.replace('-', " "),
            code.expose().replace('0', "O").replace('1', "l"),
        ] {
            assert_eq!(RecoveryCode::parse(&typed), Some(code.clone()), "{typed}");
        }
    }

    #[test]
    fn what_is_too_short_too_long_or_of_other_letters_is_no_code() {
        let code = RecoveryCode::generate(&mut rand::rng());
        let text = code.expose();
        let wide = text.replacen(|_: char| true, "\u{ff11}", 1);
        for bad in ["", &text[1..], &format!("{text}0"), &format!("U{}", &text[1..]), &wide] {
            assert_eq!(RecoveryCode::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn every_letter_comes_at_every_place() {
        let mut seen = vec![BTreeSet::new(); LENGTH];
        // At each place, each of 32 letters is missing after 2,000 draws once in 10^27.
        for _ in 0..2000 {
            let code = RecoveryCode::generate(&mut rand::rng());
            for (place, letter) in code.expose().chars().enumerate() {
                seen[place].insert(letter);
            }
        }
        assert!(seen.iter().all(|letters| letters.len() == 32));
    }
}
