//! The words that people search for.

use std::fs;

use super::source::{source_folder, sources};

/// The words that people search for, and where they must lead.
const WORDS: [(&str, &str); 19] = [
    ("rate limit", "domain/throttle.rs"),
    ("rate limit", "service/limits/budget.rs"),
    ("rate limit", "service/limits/sources.rs"),
    ("rate limit", "store/queries/statements/throttles.rs"),
    ("brute force", "service/limits/budget.rs"),
    ("brute force", "service/login/login.rs"),
    ("brute force", "store/queries/statements/rules.rs"),
    ("timing", "service/mailbox/code.rs"),
    ("timing attack", "password/mod.rs"),
    ("timing attack", "token/master_key.rs"),
    ("idempotent", "service/account/register.rs"),
    ("idempotent", "service/sessions/refresh_token.rs"),
    ("idempotent", "store/queries/statements/refresh.rs"),
    ("load shedding", "password/engine/admission.rs"),
    ("load shedding", "password/engine/queue.rs"),
    ("backpressure", "password/engine/mod.rs"),
    ("race", "store/queries/statements/refresh.rs"),
    ("race", "store/queries/statements/rules.rs"),
    ("race", "service/login/verify_2fa.rs"),
];

#[test]
fn the_words_that_people_search_for_lead_to_what_they_mean() {
    for (word, file) in WORDS {
        let text = fs::read_to_string(source_folder().join(file)).unwrap().to_lowercase();
        assert!(text.contains(word), "src/{file} does not say \"{word}\"");
    }
}

/// The text of a line of comment, without its marks; nothing of a line of code.
fn comment(line: &str) -> String {
    let line = line.trim_start();
    let text = if line.starts_with("//") { line.trim_start_matches(['/', '!']).trim() } else { "" };
    text.to_lowercase()
}

/// How often `phrase` is split over two lines of a comment: the joined lines have it, and none of them alone.
fn splits(text: &str, phrase: &str) -> usize {
    let lines: Vec<String> = text.lines().map(comment).collect();
    let on_one_line: usize = lines.iter().map(|line| line.matches(phrase).count()).sum();
    lines.join(" ").matches(phrase).count() - on_one_line
}

#[test]
fn a_split_phrase_is_found_in_comments_alone() {
    assert_eq!(splits("/// Against a timing\n    /// attack.", "timing attack"), 1);
    assert_eq!(splits("//! Timing attack, timing\n//! Attack.", "timing attack"), 1);
    assert_eq!(splits("/// A timing attack.\n/// More.", "timing attack"), 0);
    assert_eq!(splits("// The timing\ncall();\n// attack", "timing attack"), 0);
}

#[test]
fn no_phrase_that_people_search_for_is_split_over_two_lines() {
    let mut files = Vec::new();
    sources(&source_folder(), &mut files);
    assert!(!files.is_empty());
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        for (phrase, _) in WORDS {
            assert_eq!(splits(&text, phrase), 0, "{} splits \"{phrase}\"", file.display());
        }
    }
}
