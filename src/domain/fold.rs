//! The one spelling that stands for all spellings of a name.

use std::fmt;

use icu_casemap::CaseMapper;
use icu_normalizer::{ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed};

const NFKC: ComposingNormalizerBorrowed<'static> = ComposingNormalizerBorrowed::new_nfkc();

/// Normalises (NFKC) and case-folds `text`, so that `Alice`, `ALICE` and full-width `Ａlice` are one.
///
/// Folding can undo normalisation, so it is applied on both sides (UAX #15, toNFKC_Casefold).
pub(super) fn key(text: &str) -> String {
    case_fold(&NFKC.normalize(text))
}

/// The key of a text that has at most `max_bytes` in NFKC. One letter can become eighteen, and what comes of a long text of
/// such letters is not worth the work.
pub(super) fn key_within(text: &str, max_bytes: usize) -> Option<String> {
    let mut nfkc = Bounded { text: String::new(), max_bytes };
    NFKC.normalize_to(text, &mut nfkc).ok()?;
    Some(case_fold(&nfkc.text))
}

fn case_fold(nfkc: &str) -> String {
    NFKC.normalize(&CaseMapper::new().fold_string(nfkc)).into_owned()
}

/// Takes so many bytes and then no more.
struct Bounded {
    text: String,
    max_bytes: usize,
}

impl fmt::Write for Bounded {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        if self.text.len() + part.len() > self.max_bytes {
            return Err(fmt::Error);
        }
        self.text.push_str(part);
        Ok(())
    }
}

/// Normalises `text` to NFC and leaves its case alone.
pub(super) fn nfc(text: &str) -> String {
    ComposingNormalizerBorrowed::new_nfc().normalize(text).into_owned()
}

/// Normalises `text` to NFD: each mark by itself.
pub(super) fn nfd(text: &str) -> String {
    DecomposingNormalizerBorrowed::new_nfd().normalize(text).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_name_share_a_key() {
        for spelling in ["Ａlice", "ALICE", "alice"] {
            assert_eq!(key(spelling), "alice");
        }
        assert_eq!(key("ΣΑΣ"), key("σας"));
        assert_eq!(key("STRASSE"), key("straße"));
        assert_eq!(key("e\u{301}"), key("É"));
    }

    #[test]
    fn a_text_that_grows_too_long_has_no_key() {
        assert_eq!(key_within("Ａlice", 5).as_deref(), Some("alice"));
        assert_eq!(key_within("Ａlice", 4), None);
        assert_eq!(key_within(&"\u{fdfa}".repeat(341), 1024), None);
    }

    #[test]
    fn nfc_joins_what_nfd_split_and_keeps_case() {
        assert_eq!(nfc("E\u{301}a"), "Éa");
    }
}
