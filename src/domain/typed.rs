//! Codes as people type and paste them: with spaces, dashes, and the digits of their own script.

use icu_properties::{
    CodePointMapData, CodePointSetData,
    props::{Dash, DefaultIgnorableCodePoint, GeneralCategory},
};

/// The long-vowel sign, which keyboards for Japanese type where others have the dash; also half-width.
const LONG_VOWEL: [char; 2] = ['\u{30fc}', '\u{ff70}'];

/// The characters of a code without separators; full-width letters and digits of every script as ASCII.
pub(super) fn characters(text: &str) -> impl Iterator<Item = char> {
    text.chars().filter(|c| !separates(*c)).map(as_ascii)
}

/// Spaces and dashes of every kind, and invisible characters: copied text often begins or ends with a mark of direction or
/// a zero-width space.
fn separates(c: char) -> bool {
    c.is_whitespace()
        || LONG_VOWEL.contains(&c)
        || CodePointSetData::new::<Dash>().contains(c)
        || CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c)
}

fn as_ascii(c: char) -> char {
    match c {
        '\u{ff21}'..='\u{ff3a}' | '\u{ff41}'..='\u{ff5a}' => {
            char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c)
        }
        _ => digit(c).and_then(|digit| char::from_digit(digit, 10)).unwrap_or(c),
    }
}

/// The value of a decimal digit (General_Category Nd) that is not ASCII. Unicode encodes those of a script one after the
/// other from zero to nine (The Unicode Standard, section 4.6): the place within its run tells the value.
fn digit(c: char) -> Option<u32> {
    let is_digit = |code| {
        CodePointMapData::<GeneralCategory>::new().get32(code) == GeneralCategory::DecimalNumber
    };
    if c.is_ascii() || !is_digit(c.into()) {
        return None;
    }
    let before = (0..u32::from(c)).rev().take_while(|code| is_digit(*code)).count();
    u32::try_from(before % 10).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> String {
        characters(text).collect()
    }

    #[test]
    fn spaces_and_dashes_and_what_nobody_sees_are_dropped_wherever_they_stand() {
        for separator in [
            " ", "\t", "\n", "\r\n", "\u{a0}", "\u{2009}", "\u{202f}", "\u{3000}", "-", "\u{2010}",
            "\u{2011}", "\u{2013}", "\u{2014}", "\u{2212}", "\u{ff0d}", "\u{301c}", "ー", "ｰ",
            "\u{ad}", "\u{200b}", "\u{200e}", "\u{202a}", "\u{2068}", "\u{feff}", " - ",
        ] {
            for typed in [
                format!("{separator}123456"),
                format!("123{separator}456"),
                format!("123456{separator}"),
            ] {
                assert_eq!(read(&typed), "123456", "{typed:?}");
            }
        }
    }

    #[test]
    fn digits_of_other_scripts_are_digits() {
        for typed in [
            "١٢٣٤٥٦٧٨٩٠",
            "۱۲۳۴۵۶۷۸۹۰",
            "१२३४५६७८९०",
            "১২৩৪৫৬৭৮৯০",
            "௧௨௩௪௫௬௭௮௯௦",
            "๑๒๓๔๕๖๗๘๙๐",
            "၁၂၃၄၅၆၇၈၉၀",
            "១២៣៤៥៦៧៨៩០",
            "༡༢༣༤༥༦༧༨༩༠",
            "１２３４５６７８９０",
            "𝟏𝟐𝟑𝟒𝟓𝟔𝟕𝟖𝟗𝟎",
            "𝟷𝟸𝟹𝟺𝟻𝟼𝟽𝟾𝟿𝟶",
            "𞥑𞥒𞥓𞥔𞥕𞥖𞥗𞥘𞥙𞥐",
        ] {
            assert_eq!(read(typed), "1234567890", "{typed}");
        }
        assert_eq!(read("ＡＺａｚ"), "AZaz");
        // Numbers that are not digits: no keyboard has them where it has digits.
        for other in ["²", "①", "Ⅷ", "五", "½", "+", "O", "é"] {
            assert_eq!(read(other), other);
        }
    }

    /// The assumption of [`digit`]. Fails with the first Unicode version that breaks it.
    #[test]
    fn every_run_of_digits_has_whole_scripts() {
        let categories = CodePointMapData::<GeneralCategory>::new();
        let runs: Vec<_> =
            categories.iter_ranges_for_value(GeneralCategory::DecimalNumber).collect();
        assert!(runs.len() > 60, "{runs:?}");
        for run in runs {
            assert_eq!(run.clone().count() % 10, 0, "{run:x?}");
            let zero = char::from_u32(*run.start()).unwrap();
            assert_eq!(read(&zero.to_string()), "0", "{zero:?}");
        }
    }
}
