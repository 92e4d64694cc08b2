//! Visible names: a name with invisible characters looks like another one, or like none (spoofing).
//!
//! The measure is PRECIS (RFC 8264, section 9): its IdentifierClass for usernames (RFC 8265) and addresses, its
//! FreeformClass for device names. The tables are Unicode's own, by property, so that they grow with Unicode. Characters
//! that depend on their place are in `contextual.rs`, and the directions of text in `bidi.rs`.

use icu_properties::{
    CodePointMapData, CodePointSetData,
    props::{
        DefaultIgnorableCodePoint, Emoji, GeneralCategory, GeneralCategoryGroup,
        HangulSyllableType, SoftDotted,
    },
};

use super::{
    bidi,
    contextual::{self, ZWJ, ZWNJ},
    fold,
};

/// Categories of visible characters. Not among them: spaces, controls, format characters (with those that turn the
/// direction of text), private use, and unassigned ones.
const PRINTED: GeneralCategoryGroup = GeneralCategoryGroup::Letter
    .union(GeneralCategoryGroup::Mark)
    .union(GeneralCategoryGroup::Number)
    .union(GeneralCategoryGroup::Punctuation)
    .union(GeneralCategoryGroup::Symbol);

/// The marks of scripts, RFC 8264's LetterDigits among them; those that enclose are symbols to it.
const MARK: GeneralCategoryGroup =
    GeneralCategoryGroup::NonspacingMark.union(GeneralCategoryGroup::SpacingMark);

/// Letters, marks and symbols by their category, and blank by their purpose: no property tells them apart.
const BLANK: [char; 6] = [
    '\u{2800}',  // BRAILLE PATTERN BLANK
    '\u{fffc}',  // OBJECT REPLACEMENT CHARACTER
    '\u{13441}', // EGYPTIAN HIEROGLYPH FULL BLANK
    '\u{13442}', // EGYPTIAN HIEROGLYPH HALF BLANK
    '\u{16fe4}', // KHITAN SMALL SCRIPT FILLER
    '\u{1d159}', // MUSICAL SYMBOL NULL NOTEHEAD
];

const KEYCAP: char = '\u{20e3}';

/// Whether a character is visible. The fillers of Hangul are default-ignorable, like variation selectors and tags.
fn is_visible(c: char) -> bool {
    PRINTED.contains(category(c))
        && !CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c)
        && !BLANK.contains(&c)
}

/// Whether `c` is a combining mark of words.
pub(super) fn is_mark(c: char) -> bool {
    MARK.contains(category(c))
}

/// Whether an address is wholly visible, and made of ASCII, letters, digits and marks: in NFC as it was typed, and in its
/// folded key.
///
/// Wider than the IdentifierClass: letters with a compatibility form (full-width ones, single jamo) pass, since the key is
/// what must be unique.
pub(super) fn is_identifier(nfc: &str, key: &str) -> bool {
    nfc.chars().chain(key.chars()).all(is_part) && are_drawn_alike_everywhere(nfc)
}

/// Whether a username passes. Beside the characters of an address it may have, in their places, the joiner and the
/// non-joiner, and punctuation that is part of words. It has one direction.
pub(super) fn is_username(nfc: &str, key: &str) -> bool {
    let passes = |name: &str| {
        let name: Vec<_> = name.chars().collect();
        let part = |c: &char| is_part(*c) || contextual::is_special(*c);
        name.iter().all(part) && (0..name.len()).all(|place| contextual::allows(&name, place))
    };
    [nfc, key].iter().all(|name| passes(name) && bidi::passes(name))
        && are_drawn_alike_everywhere(nfc)
}

fn is_part(c: char) -> bool {
    is_visible(c) && (c.is_ascii() || c.is_alphanumeric() || is_mark(c))
}

fn are_drawn_alike_everywhere(nfc: &str) -> bool {
    !nfc.chars().any(is_old_jamo) && marks_can_be_seen(nfc)
}

/// Whether a text has no invisible characters but spaces, and the joiners of emoji and scripts. A non-empty one must have
/// something visible.
pub(super) fn is_freeform(text: &str) -> bool {
    let characters: Vec<_> = text.chars().collect();
    let passes = |(place, c): (usize, &char)| {
        category(*c) == GeneralCategory::SpaceSeparator
            || is_visible(*c)
            || joins(&characters, place)
    };
    characters.iter().enumerate().all(passes)
        && (characters.is_empty() || text.chars().any(is_visible))
}

/// Whether an invisible character changes how its neighbours look: inside an emoji, or in scripts whose letters join (RFC
/// 5892, appendices A.1 and A.2).
fn joins(text: &[char], place: usize) -> bool {
    let Some(before) = place.checked_sub(1).map(|before| text[before]) else { return false };
    let after = text.get(place + 1).copied();
    match text[place] {
        // A variation of an emoji, or of the digit of a keycap.
        '\u{fe0e}' | '\u{fe0f}' => {
            is_emoji(before) && (!before.is_ascii() || after == Some(KEYCAP))
        }
        ZWJ => {
            let emoji = !before.is_ascii() && (before == '\u{fe0f}' || is_emoji(before));
            contextual::is_virama(before) || (emoji && after.is_some_and(is_emoji))
        }
        ZWNJ => contextual::may_separate(text, place),
        _ => false,
    }
}

/// Whether each mark is visible: on a letter or digit of its script, once, and no dot on a letter that has one.
fn marks_can_be_seen(nfc: &str) -> bool {
    let nfd = fold::nfd(nfc);
    let mut base = None;
    let mut before = None;
    nfd.chars().all(|c| {
        let seen = if is_mark(c) {
            before != Some(c) && base.is_some_and(|base| carries(base, c))
        } else {
            base = c.is_alphanumeric().then_some(c);
            true
        };
        before = Some(c);
        seen
    })
}

fn carries(base: char, mark: char) -> bool {
    let dotted = CodePointSetData::new::<SoftDotted>().contains(base) || "lıȷｉｊ".contains(base);
    contextual::is_mark_of(mark, base) && !(dotted && mark == '\u{307}')
}

/// Jamo that NFC did not compose into a syllable: their look depends on the font (RFC 8264, section 9.9).
fn is_old_jamo(c: char) -> bool {
    matches!(
        CodePointMapData::<HangulSyllableType>::new().get(c),
        HangulSyllableType::LeadingJamo
            | HangulSyllableType::VowelJamo
            | HangulSyllableType::TrailingJamo
    )
}

fn is_emoji(c: char) -> bool {
    CodePointSetData::new::<Emoji>().contains(c)
}

fn category(c: char) -> GeneralCategory {
    CodePointMapData::<GeneralCategory>::new().get(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identifier(text: &str) -> bool {
        let nfc = fold::nfc(text);
        is_username(&nfc, &fold::name_key(&nfc))
    }

    /// Of each kind of invisible character the first and the last, and those in between that people use.
    const UNSEEN: [&str; 24] = [
        "\0\u{7f}\u{80}\u{9f}",        // controls
        "\u{ad}",                      // the soft hyphen
        "\u{34f}",                     // the combining grapheme joiner
        "\u{61c}\u{200e}\u{200f}",     // marks of direction
        "\u{115f}\u{1160}",            // fillers of jamo
        "\u{3164}\u{ffa0}",            // and those for compatibility
        "\u{17b4}\u{17b5}",            // inherent vowels of Khmer
        "\u{180b}\u{180d}\u{180e}",    // Mongolian variations, and its vowel separator
        "\u{200b}\u{200c}\u{200d}",    // zero width: space, non-joiner, joiner
        "\u{2028}\u{2029}",            // separators of lines and paragraphs
        "\u{202a}\u{202d}\u{202e}",    // embeddings, overrides
        "\u{2060}\u{2061}\u{2064}",    // the word joiner, invisible operators
        "\u{2066}\u{2069}\u{206f}",    // isolates
        "\u{2800}",                    // Braille without a dot
        "\u{fe00}\u{fe0f}\u{e0100}",   // variation selectors
        "\u{feff}",                    // the byte order mark
        "\u{fff0}\u{fff9}\u{fffb}",    // reserved, annotations
        "\u{fffc}\u{fffe}\u{10ffff}",  // a placeholder, noncharacters
        "\u{1bca0}\u{1d159}\u{1d173}", // shorthand, music
        "\u{13430}\u{13441}\u{13442}", // hieroglyphs: joins and blanks
        "\u{16fe4}",                   // the filler of Khitan
        "\u{e0001}\u{e0020}\u{e007f}", // tags
        "\u{e000}\u{f8ff}\u{f0000}",   // private use
        "\u{378}\u{e0fff}\u{3fffd}",   // not assigned
    ];

    #[test]
    fn what_can_not_be_seen_is_in_no_name_wherever_it_stands() {
        for unseen in UNSEEN.iter().flat_map(|kind| kind.chars()) {
            for name in [format!("{unseen}"), format!("admin{unseen}"), format!("{unseen}admin")] {
                assert!(!identifier(&name), "{name:?}");
            }
            assert!(!identifier(&format!("ad{unseen}min")), "{unseen:?}");
            if !matches!(unseen, ZWNJ | ZWJ) {
                assert!(!is_freeform(&format!("my{unseen}phone")), "{unseen:?}");
            }
            assert!(!is_freeform(&format!("{unseen}")), "{unseen:?}");
            assert!(!is_freeform(&format!("phone{unseen}")), "{unseen:?}");
        }
    }

    #[test]
    fn jamo_of_which_no_syllable_comes_are_in_no_name() {
        for jamo in ['\u{1100}', '\u{1161}', '\u{11a8}', '\u{a960}', '\u{d7b0}', '\u{d7fb}'] {
            assert!(!identifier(&format!("{jamo}")), "{jamo:?}");
            assert!(!identifier(&format!("admin{jamo}")), "{jamo:?}");
        }
        // Decomposed, as some systems write it; and letters typed by themselves.
        assert!(identifier("\u{1112}\u{1161}\u{11ab}\u{1100}\u{1173}\u{11af}"));
        assert!(identifier("ㅋㅋ"));
    }

    #[test]
    fn a_mark_stands_on_a_letter_of_its_script_where_it_can_be_seen() {
        for (name, why) in [
            ("\u{301}a", "on nothing"),
            ("\u{93f}", "on nothing"),
            ("a_\u{301}", "on a line"),
            ("admin\u{17d2}", "Khmer on Latin: it would only stack Khmer"),
            ("admin\u{1039}", "Myanmar on Latin"),
            ("admi\u{307}n", "a dot on a dot"),
            ("\u{456}\u{307}", "a dot on a Cyrillic dot"),
            ("c\u{327}\u{327}", "twice in the same place"),
            ("ç\u{327}", "the same"),
            ("a\u{20dd}", "around a letter"),
        ] {
            assert!(!identifier(name), "{name:?}: {why}");
        }
    }

    /// Every character that is refused today and was not before is of a kind that this module is about.
    #[test]
    fn a_letter_or_digit_that_can_be_seen_is_accepted() {
        let refused = |c: &char| !identifier(&c.to_string());
        for c in (char::MIN..=char::MAX).filter(|c| c.is_alphanumeric()).filter(refused) {
            // Some letters become more than letters in the key: U+FDFA is four words.
            let key = fold::key(&c.to_string());
            let becomes_more =
                |part: char| !part.is_ascii() && !part.is_alphanumeric() && !is_mark(part);
            assert!(
                !is_visible(c)
                    || is_mark(c)
                    || is_old_jamo(c)
                    || key.chars().any(|part| !contextual::allows(&[part], 0))
                    // Digits of Arabic: a name begins with a letter of its direction.
                    || !bidi::passes(&c.to_string())
                    || key.contains(' ')
                    || key.contains(becomes_more),
                "{c:?} {c}"
            );
        }
    }

    #[test]
    fn a_device_has_a_name_with_spaces_symbols_and_emoji() {
        for name in [
            "",
            "Alice's phone (work) №2 – 50 €",
            "my ❤\u{fe0f} phone",
            "🧑\u{200d}💻",
            "🏳\u{fe0f}\u{200d}🌈",
            "👍🏽 laptop",
            "1\u{fe0f}\u{20e3}",
            "🇩🇪",
            "گوشی\u{200c}من",
            "क्\u{200d}ष",
            "Büro\u{a0}PC",
            "\u{1112}\u{1161}\u{11ab}",
        ] {
            assert!(is_freeform(name), "{name:?}");
        }
        for name in
            [" ", "\u{3000}", "\u{a0} ", "my\u{200d}phone", "❤\u{200d}", "a\u{fe0f}", "1\u{fe0f}"]
        {
            assert!(!is_freeform(name), "{name:?}");
        }
    }
}
