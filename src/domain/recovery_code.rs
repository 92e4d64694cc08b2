//! Recovery codes: single-use codes for users who have lost their phone.

use std::fmt;

use rand::{CryptoRng, RngExt as _};
use zeroize::Zeroizing;

use super::{InvalidField, crockford, size::Size};

/// 24 characters of five bits: 120 bits.
const LENGTH: usize = 24;

/// The size of a group when a code is shown.
const GROUP: usize = 6;

/// A recovery code, without its dashes. Its `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct RecoveryCode(Zeroizing<String>);

impl RecoveryCode {
    /// Codes of one user.
    pub const COUNT: usize = 10;

    /// Generates a code.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        Self(crockford::write(rng.random(), LENGTH))
    }

    /// Parses a typed code: in any case, with or without dashes and spaces, with digits of other scripts, and with O for 0
    /// and I or L for 1.
    ///
    /// # Errors
    /// A text that is no code in any spelling.
    pub fn parse(field: Size, text: &str) -> Result<Self, InvalidField> {
        let problem = "must be a recovery code: 24 letters and digits";
        let code = crockford::read(text, LENGTH).map(Self);
        code.ok_or_else(|| InvalidField::new(field.field, problem))
    }

    /// The code in the form that is digested.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The code in the form that is shown, this once: in groups with dashes between them.
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
    use crate::domain::size::RECOVERY_CODE;

    #[test]
    fn a_code_is_read_however_it_is_typed() {
        let code = RecoveryCode::generate(&mut rand::rng());
        let shown = code.shown();
        assert_eq!((shown.len(), shown.matches('-').count()), (27, 3));
        let wide = |c: char| char::from_u32(u32::from(c) + 0xfee0).unwrap();
        for typed in [
            shown.to_string(),
            shown.to_lowercase(),
            shown.replace('-', " "),
            code.expose().replace('0', "O").replace('1', "l"),
            code.expose().replace('3', "٣").replace('4', "४"),
            code.expose().chars().map(wide).collect(),
            shown.to_lowercase().chars().map(wide).collect(),
            format!(" {}\n", shown.replace('-', "\u{2009}\u{2013}\u{2009}")),
        ] {
            assert!(RECOVERY_CODE.fits(&typed), "{typed}");
            assert_eq!(RecoveryCode::parse(RECOVERY_CODE, &typed), Ok(code.clone()), "{typed}");
        }
    }

    #[test]
    fn what_is_too_short_too_long_or_of_other_letters_is_no_code() {
        let code = RecoveryCode::generate(&mut rand::rng());
        let text = code.expose();
        for bad in ["", "123456", &text[1..], &format!("{text}0"), &format!("U{}", &text[1..])] {
            let refused = RecoveryCode::parse(RECOVERY_CODE, bad).unwrap_err();
            assert_eq!(refused.field, "recovery_code", "{bad}");
        }
    }

    #[test]
    fn every_letter_comes_at_every_place() {
        let mut seen = vec![BTreeSet::new(); LENGTH];
        // After 2,000 codes, one of the 32 letters is missing at some place once in 10^27.
        for _ in 0..2000 {
            let code = RecoveryCode::generate(&mut rand::rng());
            for (place, letter) in code.expose().chars().enumerate() {
                seen[place].insert(letter);
            }
        }
        assert!(seen.iter().all(|letters| letters.len() == 32));
    }
}
