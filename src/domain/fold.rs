//! Canonical keys of names: all spellings of a name have the same key.

use std::fmt;

use icu_casemap::CaseMapper;
use icu_normalizer::{ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed};

use super::contextual::{ZWJ, ZWNJ};

const NFKC: ComposingNormalizerBorrowed<'static> = ComposingNormalizerBorrowed::new_nfkc();

/// Normalises (NFKC) and case-folds `text`, so that `Alice`, `ALICE` and full-width `Ａlice` have the same key.
///
/// Folding can undo normalisation, so normalise on both sides (UAX #15, toNFKC_Casefold).
pub(super) fn key(text: &str) -> String {
    case_fold(&NFKC.normalize(text))
}

/// The key of a username, without joiners and non-joiners: they change how letters are drawn, and keyboards differ in
/// typing them, so names that differ in nothing else are the same. No stored key of one has them.
pub(super) fn name_key(text: &str) -> String {
    key(&without_joiners(text))
}

/// Like [`key_within`], for a text that may be a username or an address.
pub(super) fn login_key_within(text: &str, max_bytes: usize) -> Option<String> {
    let key = key_within(text, max_bytes)?;
    if key.contains('@') || !key.contains([ZWNJ, ZWJ]) {
        return Some(key);
    }
    // Without joiners, letters and marks may compose.
    key_within(&without_joiners(text), max_bytes)
}

fn without_joiners(text: &str) -> String {
    text.replace([ZWNJ, ZWJ], "")
}

/// Normalises (NFKC) and leaves the case alone.
pub(super) fn nfkc(text: &str) -> String {
    NFKC.normalize(text).into_owned()
}

/// The key of a text of at most `max_bytes` in NFKC. One letter can become eighteen, and folding a long text of such
/// letters is wasted work.
pub(super) fn key_within(text: &str, max_bytes: usize) -> Option<String> {
    let mut nfkc = Bounded { text: String::new(), max_bytes };
    NFKC.normalize_to(text, &mut nfkc).ok()?;
    Some(case_fold(&nfkc.text))
}

fn case_fold(nfkc: &str) -> String {
    NFKC.normalize(&CaseMapper::new().fold_string(nfkc)).into_owned()
}

/// A buffer that accepts so many bytes and then no more.
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
    use crate::domain::visible;

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
    fn joiners_are_in_no_key_of_a_username() {
        for (name, other) in [
            ("علی\u{200c}رضا", "علیرضا"),
            ("ශ\u{dca}\u{200d}රී", "ශ\u{dca}රී"),
            ("e\u{200d}\u{301}", "é"),
        ] {
            assert_eq!(name_key(name), key(other));
            assert_eq!(login_key_within(name, 100), Some(key(other)));
        }
        // Addresses keep joiners, so that every registered one is found.
        let address = "a\u{200d}b@example.com";
        assert_eq!(login_key_within(address, 100).as_deref(), Some(address));
    }

    /// A name typed as its stored key finds the account, with this release and the next.
    #[test]
    fn a_key_is_its_own_key() {
        for c in ('\0'..=char::MAX).filter(|c| c.is_alphanumeric() || visible::is_mark(*c)) {
            for text in [c.to_string(), format!("a{c}\u{301}")] {
                let key = name_key(&text);
                assert_eq!(name_key(&key), key, "{text:?}");
            }
        }
    }

    #[test]
    fn nfc_joins_what_nfd_split_and_keeps_case() {
        assert_eq!(nfc("E\u{301}a"), "Éa");
    }
}
