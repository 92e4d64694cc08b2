//! The words that people search for.

use std::fs;

use super::source::source_folder;

/// The words that people search for, and where they must lead.
const WORDS: [(&str, &str); 13] = [
    ("rate limit", "domain/throttle.rs"),
    ("rate limit", "service/limits/budget.rs"),
    ("rate limit", "service/limits/sources.rs"),
    ("brute force", "service/limits/budget.rs"),
    ("brute force", "store/queries/statements/rules.rs"),
    ("timing", "service/mailbox/code.rs"),
    ("timing attack", "password/mod.rs"),
    ("idempotent", "service/account/register.rs"),
    ("idempotent", "store/queries/statements/refresh.rs"),
    ("load shedding", "password/engine/admission.rs"),
    ("backpressure", "password/engine/mod.rs"),
    ("race", "store/queries/statements/refresh.rs"),
    ("race", "service/login/verify_2fa.rs"),
];

#[test]
fn the_words_that_people_search_for_lead_to_what_they_mean() {
    for (word, file) in WORDS {
        let text = fs::read_to_string(source_folder().join(file)).unwrap().to_lowercase();
        assert!(text.contains(word), "src/{file} does not say \"{word}\"");
    }
}
