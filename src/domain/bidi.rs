//! The Bidi Rule: names from right to left that cannot be spoofed by mixing directions.

use icu_properties::{CodePointMapData, props::BidiClass};

use BidiClass as Class;

/// Classes allowed in a name from right to left, and in one from left to right.
const IN_RTL: [Class; 10] = [
    Class::RightToLeft,
    Class::ArabicLetter,
    Class::ArabicNumber,
    Class::EuropeanNumber,
    Class::EuropeanSeparator,
    Class::CommonSeparator,
    Class::EuropeanTerminator,
    Class::OtherNeutral,
    Class::BoundaryNeutral,
    Class::NonspacingMark,
];

/// Whether a name passes the Bidi Rule (RFC 5893, section 2). Names without right-to-left characters always do (RFC 8265,
/// section 3.1).
pub(super) fn passes(name: &str) -> bool {
    let class = |c| CodePointMapData::<Class>::new().get(c);
    let classes: Vec<_> = name.chars().map(class).collect();
    let has = |wanted: Class| classes.contains(&wanted);
    let from_right = [Class::RightToLeft, Class::ArabicLetter, Class::ArabicNumber];
    if !from_right.into_iter().any(has) {
        return true;
    }
    // Conditions 1 and 2: it begins with a letter from right to left, and has none from left to right. A name that begins
    // with one of those fails condition 5.
    let begins = matches!(classes.first(), Some(&(Class::RightToLeft | Class::ArabicLetter)));
    let is_of_one_direction = classes.iter().all(|class| IN_RTL.contains(class));
    // Condition 3: the last character, marks aside, is a letter or a digit.
    let last = classes.iter().rfind(|class| **class != Class::NonspacingMark);
    let ends = matches!(
        last,
        Some(
            &(Class::RightToLeft
                | Class::ArabicLetter
                | Class::EuropeanNumber
                | Class::ArabicNumber)
        )
    );
    // Condition 4: digits of one kind.
    let mixes_digits = has(Class::EuropeanNumber) && has(Class::ArabicNumber);
    begins && is_of_one_direction && ends && !mixes_digits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_one_direction_pass() {
        for name in [
            "alice",
            "1alice",
            "_x_",
            "Иван",
            "محمد",
            "مُحَمَّد",
            "משה",
            "דוד_7",
            "علی.رضا",
            "محمد١٢",
            "محمد12",
            "ދިވެހި",
            "ߒߞߏ",
            "ܐܒܪܗܡ",
            "א-ב",
            "हिन्दी",
            "123",
        ] {
            assert!(passes(name), "{name}");
        }
    }

    #[test]
    fn names_of_two_directions_and_those_that_begin_or_end_with_neither_do_not() {
        for (name, why) in [
            ("aliceמ", "a letter from right to left in one from left to right"),
            ("משהa", "and the reverse"),
            ("محمدalice", "the same in Arabic"),
            ("1משה", "it begins with a digit"),
            ("_משה", "it begins with punctuation"),
            ("משה_", "it ends with punctuation"),
            ("משה.", "it ends with punctuation"),
            ("محمد١2", "digits of both kinds"),
            ("٣alice", "an Arabic digit before Latin"),
            ("alice٣", "an Arabic digit after Latin"),
            ("\u{5b4}משה", "it begins with a mark"),
        ] {
            assert!(!passes(name), "{name}: {why}");
        }
    }
}
