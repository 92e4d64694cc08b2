//! The cursor of a stream of events: a number, which is opaque to callers.

use crate::domain::{InvalidField, size};

/// `None` if it is empty: from now on.
///
/// # Errors
/// A text that is no cursor of ours.
pub(super) fn parse(text: &str) -> Result<Option<i64>, InvalidField> {
    size::CURSOR.check(text)?;
    if text.is_empty() {
        return Ok(None);
    }
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let number = digits.then(|| text.parse().ok()).flatten();
    let wanted = || InvalidField::new("cursor", "must be empty or one that was received");
    number.map(Some).ok_or_else(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_empty_or_a_number_of_ours() {
        assert_eq!(parse(""), Ok(None));
        assert_eq!(parse("0"), Ok(Some(0)));
        assert_eq!(parse("9223372036854775807"), Ok(Some(i64::MAX)));
        let long = "0".repeat(65);
        for text in ["-1", "+1", " 1", "1.0", "x", "9223372036854775808", "\u{664}", &long] {
            assert!(parse(text).is_err_and(|problem| problem.field == "cursor"), "{text}");
        }
    }
}
