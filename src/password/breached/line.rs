//! One line of a list, as Pwned Passwords has them: `HASH:COUNT`, or `REST:COUNT` in the file of a range.

use super::{error::LineProblem, key::Key};

/// The digits that all hashes of a file begin with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) value: u32,
    pub(super) digits: usize,
}

/// Digits of SHA-1.
const SHA1: usize = 40;
/// Digits of NTLM's hashes, which are MD4.
const NTLM: usize = 32;
/// Digits of a key.
const KEY: usize = 16;

/// A hash, and how often it was seen, if the line says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) key: Key,
    pub(super) count: Option<u64>,
}

impl Line {
    /// Parses a line without its end.
    ///
    /// # Errors
    /// It is no such line, or has a hash that is none of SHA-1.
    pub(super) fn parse(text: &[u8], range: Range) -> Result<Self, LineProblem> {
        let colon = text.iter().position(|byte| *byte == b':');
        let (hash, count) = text.split_at(colon.unwrap_or(text.len()));
        if hash.is_empty() || !hash.iter().all(u8::is_ascii_hexdigit) {
            return Err(LineProblem::NoHash);
        }
        let digits = range.digits + hash.len();
        match digits {
            NTLM => return Err(LineProblem::Ntlm),
            ..KEY => return Err(LineProblem::Short),
            KEY..=SHA1 => {}
            _ => return Err(LineProblem::Long),
        }
        let count = count.strip_prefix(b":").map(number).transpose()?;
        let first = hash.iter().take(KEY - range.digits);
        let key = first.fold(u64::from(range.value), |key, digit| (key << 4) | value_of(*digit));
        Ok(Self { key: Key(key), count })
    }
}

/// The value of a hexadecimal digit.
fn value_of(digit: u8) -> u64 {
    char::from(digit).to_digit(16).unwrap_or_default().into()
}

fn number(text: &[u8]) -> Result<u64, LineProblem> {
    let text = std::str::from_utf8(text).ok().filter(|text| !text.starts_with('+'));
    text.and_then(|text| text.parse().ok()).ok_or(LineProblem::NoHash)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8";

    fn parse(text: &str) -> Result<Line, LineProblem> {
        Line::parse(text.as_bytes(), Range::default())
    }

    #[test]
    fn a_hash_may_be_cut_have_small_letters_and_no_count() {
        let key = Key(0x5baa_61e4_c9b9_3f3f);
        for (text, count) in [
            (format!("{HASH}:3730471"), Some(3_730_471)),
            (HASH.to_lowercase(), None),
            (format!("{}:0", &HASH[..16]), Some(0)),
            (format!("{}:1", &HASH[..31]), Some(1)),
            (format!("{}:{}", &HASH[..39], u64::MAX), Some(u64::MAX)),
        ] {
            assert_eq!(parse(&text), Ok(Line { key, count }), "{text}");
        }
    }

    #[test]
    fn in_a_range_the_first_digits_are_the_files() {
        let range = Range { value: 0x5baa6, digits: 5 };
        let (key, count) = (Key(0x5baa_61e4_c9b9_3f3f), Some(9));
        let parse = |rest: &str| Line::parse(format!("{rest}:9").as_bytes(), range);
        assert_eq!(parse(&HASH[5..]), Ok(Line { key, count }));
        assert_eq!(parse(&HASH[5..16]), Ok(Line { key, count }));
        assert_eq!(parse(&HASH[5..32]), Err(LineProblem::Ntlm));
        assert_eq!(parse(HASH), Err(LineProblem::Long), "a whole hash in a range");
    }

    #[test]
    fn what_is_no_such_line_is_refused_by_name() {
        for (text, problem) in [
            ("", LineProblem::NoHash),
            (":7", LineProblem::NoHash),
            ("password", LineProblem::NoHash),
            (&format!("{HASH}:"), LineProblem::NoHash),
            (&format!("{HASH}:-1"), LineProblem::NoHash),
            (&format!("{HASH}:+1"), LineProblem::NoHash),
            (&format!("{HASH}:1:1"), LineProblem::NoHash),
            (&format!("{HASH} 7"), LineProblem::NoHash),
            (&format!("{}:7", &HASH[..15]), LineProblem::Short),
            (&format!("{}:7", &HASH[..32]), LineProblem::Ntlm),
            (&format!("{HASH}0:7"), LineProblem::Long),
        ] {
            assert_eq!(parse(text), Err(problem), "{text}");
        }
    }
}
