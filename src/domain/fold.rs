//! The one spelling that stands for all spellings of a name.

use icu_casemap::CaseMapper;
use icu_normalizer::{ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed};

/// Normalises (NFKC) and case-folds `text`, so that `Alice`, `ALICE` and full-width `Ａlice` are one.
///
/// Folding can undo normalisation, so it is applied on both sides (UAX #15, toNFKC_Casefold).
pub(super) fn key(text: &str) -> String {
    let nfkc = ComposingNormalizerBorrowed::new_nfkc();
    let folded = CaseMapper::new().fold_string(&nfkc.normalize(text)).into_owned();
    nfkc.normalize(&folded).into_owned()
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
    fn nfc_joins_what_nfd_split_and_keeps_case() {
        assert_eq!(nfc("E\u{301}a"), "Éa");
    }
}
