//! Codes that undo a change of the address, or the deletion of the account: single-use, for whoever reads the mailbox.

use std::fmt;

use rand::{CryptoRng, RngExt as _};
use zeroize::Zeroizing;

use super::{InvalidField, crockford, size::Size};

/// 24 characters of five bits: 120 bits. The code comes without an id beside it, so nobody may guess any.
const LENGTH: usize = 24;

/// The size of a group when a code is shown.
const GROUP: usize = 6;

/// An undo code, without its dashes. Its `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct UndoCode(Zeroizing<String>);

impl UndoCode {
    /// Generates a code.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        Self(crockford::write(rng.random(), LENGTH))
    }

    /// Parses a typed or pasted code: in any case, with or without dashes and spaces, with digits of other scripts, and with
    /// O for 0 and I or L for 1.
    ///
    /// # Errors
    /// A text that is no code in any spelling.
    pub fn parse(field: Size, text: &str) -> Result<Self, InvalidField> {
        let problem = "must be the code that was sent to the former address: 24 letters and digits";
        Self::read(text).ok_or_else(|| InvalidField::new(field.field, problem))
    }

    /// As [`UndoCode::parse`]; `None` for any other text.
    pub fn read(text: &str) -> Option<Self> {
        crockford::read(text, LENGTH).map(Self)
    }

    /// The code in the form that is digested.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The code in the form that is shown: in groups with dashes between them.
    pub fn shown(&self) -> Zeroizing<String> {
        crockford::grouped(&self.0, GROUP)
    }
}

impl fmt::Debug for UndoCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UndoCode(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::size::UNDO_CODE;

    #[test]
    fn a_code_is_read_however_it_is_typed_and_nothing_else_is() {
        let code = UndoCode::generate(&mut rand::rng());
        let shown = code.shown();
        assert_eq!((shown.len(), shown.matches('-').count()), (27, 3));
        for typed in [
            shown.to_string(),
            shown.to_lowercase(),
            format!(" {}\n", shown.replace('-', " ")),
            code.expose().replace('0', "O").replace('1', "l"),
        ] {
            assert!(UNDO_CODE.fits(&typed), "{typed}");
            assert_eq!(UndoCode::parse(UNDO_CODE, &typed), Ok(code.clone()), "{typed}");
        }
        let text = code.expose();
        for bad in ["", &text[1..], &format!("{text}0"), &format!("U{}", &text[1..])] {
            assert_eq!(UndoCode::parse(UNDO_CODE, bad).unwrap_err().field, "undo_code", "{bad}");
        }
    }
}
