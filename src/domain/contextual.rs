//! Characters that names have in certain places only: the rules of RFC 5892, appendix A, which RFC 8264 (section 9.6 and 9.7)
//! takes over as CONTEXTJ and CONTEXTO; and the letters and punctuation that it names one by one (RFC 8264, section 9.6).

use icu_properties::{
    CodePointMapData,
    props::{CanonicalCombiningClass, JoiningType, Script},
    script::ScriptWithExtensions,
};

/// ZERO WIDTH NON-JOINER: Persian writes it within words.
pub(super) const ZWNJ: char = '\u{200c}';
/// ZERO WIDTH JOINER: Sinhala and others write conjuncts with it.
pub(super) const ZWJ: char = '\u{200d}';

/// Punctuation that is part of words (RFC 8264, section 9.6): signs of Sindhi, and the dot between Tibetan syllables.
const PART_OF_WORDS: [char; 3] = ['\u{6fd}', '\u{6fe}', '\u{f0b}'];

/// Letters that only lengthen a line or repeat others (RFC 8264, section 9.6), and obsolete tone marks: with and without
/// them a name looks the same.
const NO_PART_OF_WORDS: [char; 10] = [
    '\u{640}', '\u{7fa}', '\u{302e}', '\u{302f}', '\u{3031}', '\u{3032}', '\u{3033}', '\u{3034}',
    '\u{3035}', '\u{303b}',
];

/// Whether `c` is no letter, digit or mark, but allowed in names where [`allows`] says so.
pub(super) fn is_special(c: char) -> bool {
    PART_OF_WORDS.contains(&c)
        || matches!(c, ZWNJ | ZWJ | '\u{b7}' | '\u{375}' | '\u{5f3}' | '\u{5f4}' | '\u{30fb}')
}

/// Whether the character at this place of a name is allowed there. Most are allowed anywhere.
pub(super) fn allows(name: &[char], place: usize) -> bool {
    let before = place.checked_sub(1).and_then(|before| name.get(before)).copied();
    let after = name.get(place + 1).copied();
    let is_of = |c: Option<char>, script| c.is_some_and(|c| script_of(c) == script);
    match name[place] {
        ZWNJ => may_separate(name, place),
        ZWJ => before.is_some_and(is_virama),
        // A.3, of Catalan: Gal·la.
        '\u{b7}' => [before, after].iter().all(|beside| matches!(beside, Some('l' | 'L'))),
        // A.4, of Greek numbers.
        '\u{375}' => is_of(after, Script::Greek),
        // A.5 and A.6, geresh and gershayim: ג׳ורג׳.
        '\u{5f3}' | '\u{5f4}' => is_of(before, Script::Hebrew),
        // A.7, between names in Japanese.
        '\u{30fb}' => name
            .iter()
            .any(|c| [Script::Hiragana, Script::Katakana, Script::Han].contains(&script_of(*c))),
        // A.8 and A.9: those of Arabic and those of Persian look alike.
        '\u{660}'..='\u{669}' => !name.iter().any(|c| matches!(c, '\u{6f0}'..='\u{6f9}')),
        c => !NO_PART_OF_WORDS.contains(&c),
    }
}

/// A.1: after a virama, or between letters that it keeps from being joined.
pub(super) fn may_separate(text: &[char], place: usize) -> bool {
    let (before, after) = (&text[..place], &text[place + 1..]);
    if before.last().copied().is_some_and(is_virama) {
        return true;
    }
    let joining = |c: &char| CodePointMapData::<JoiningType>::new().get(*c);
    let is_letter = |joining: &JoiningType| *joining != JoiningType::Transparent;
    let on = before.iter().rev().map(joining).find(is_letter);
    let back = after.iter().map(joining).find(is_letter);
    matches!(on, Some(JoiningType::LeftJoining | JoiningType::DualJoining))
        && matches!(back, Some(JoiningType::RightJoining | JoiningType::DualJoining))
}

/// A.1 and A.2: a mark that takes a consonant's vowel away, and joins it to the next one.
pub(super) fn is_virama(c: char) -> bool {
    CodePointMapData::<CanonicalCombiningClass>::new().get(c) == CanonicalCombiningClass::Virama
}

/// Whether `mark` is used in words of `base`'s script.
pub(super) fn is_mark_of(mark: char, base: char) -> bool {
    let shared = [Script::Inherited, Script::Common].contains(&script_of(mark));
    shared || ScriptWithExtensions::new().has_script(mark, script_of(base))
}

fn script_of(c: char) -> Script {
    CodePointMapData::<Script>::new().get(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(name: &str) -> bool {
        let name: Vec<_> = name.chars().collect();
        (0..name.len()).all(|place| allows(&name, place))
    }

    /// RFC 5892, appendix A: of each rule what it allows, and what it does not.
    #[test]
    fn each_rule_allows_its_places_and_no_others() {
        for name in [
            "علی\u{200c}رضا",            // between letters that join
            "می\u{651}\u{200c}\u{64e}خ", // marks between them are transparent
            "क्\u{200c}ष",                // after a virama
            "ශ\u{dca}\u{200d}රී",
            "Gal·la",
            "COL·LECTOR",
            "͵α",
            "ג׳ורג׳",
            "צה״ל",
            "マリア・テレサ",
            "山・川",
            "٣٤",
            "۳۴",
            "བསྟན་འཛིན",
        ] {
            assert!(allowed(name), "{name:?}");
        }
        for name in [
            "ad\u{200c}min",
            "\u{200c}علی",
            "علی\u{200c}",
            "رض\u{627}\u{200c}رضا", // alif joins nothing after it
            "ad\u{200d}min",
            "علی\u{200d}رضا",
            "क\u{200d}ष",
            "a·b",
            "·l",
            "l·",
            "͵a",
            "α͵",
            "׳אב",
            "a׳",
            "a・b",
            "・",
            "٣۴",
            "محـمد",
            "〱",
        ] {
            assert!(!allowed(name), "{name:?}");
        }
    }

    #[test]
    fn what_is_special_is_allowed_somewhere() {
        let special: Vec<_> = ('\0'..=char::MAX).filter(|c| is_special(*c)).collect();
        assert_eq!(special.len(), 10, "{special:?}");
    }
}
