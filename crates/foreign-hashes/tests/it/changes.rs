//! Texts that were cut or changed: none of them panics, costs more than the bounds, or verifies.

use foreign_hashes::{ForeignHash, HashParameters, Refused};

use super::{
    fixtures::{CHEAP, PASSWORD},
    vectors::in_parallel,
};

/// What each character is replaced by, and its neighbours in ASCII.
const REPLACEMENTS: &str = "$=,.:/+-_{}\" 019Aaz\0é";

/// More than any cheap hash needs, however one character of it is changed.
const MEMORY: u64 = 64 << 20;

/// All changes are read. Those of the first characters are verified too, and of the others one in so many.
const PARAMETERS: usize = 16;
const SAMPLE: usize = 12;

fn import(text: &str) -> Result<ForeignHash, Refused> {
    ForeignHash::import(text, &HashParameters::default())
}

/// The canonical text without what is not in the digest: bcrypt's letter, phpass' P or H, the name of argon2's key.
fn meaning(hash: &ForeignHash) -> String {
    let text = hash.to_string().replacen("$H$", "$P$", 1);
    let text = text.replacen("2a", "2b", 1).replacen("2y", "2b", 1);
    match text.split_once("keyid=") {
        Some((before, rest)) => format!("{before}{}", rest.split_once('$').unwrap().1),
        None => text,
    }
}

/// Refused, or read as a hash that the password does not match, or the same hash in another spelling.
fn check(original: &ForeignHash, text: &str) {
    if let Some(hash) = check_cost(text) {
        check_verdict(original, text, &hash);
    }
}

fn check_cost(text: &str) -> Option<ForeignHash> {
    let hash = import(text).ok()?;
    assert!(hash.memory() <= MEMORY, "{text:?} takes {} bytes", hash.memory());
    Some(hash)
}

fn check_verdict(original: &ForeignHash, text: &str, hash: &ForeignHash) {
    assert!(meaning(hash) == meaning(original) || !hash.verify(PASSWORD), "{text:?} verifies");
}

#[test]
fn no_truncation_verifies() {
    in_parallel(CHEAP, |(_, text)| {
        let original = import(text).expect(text);
        for end in 0..text.len() {
            check(&original, &text[..end]);
        }
    });
}

#[test]
fn no_changed_character_verifies() {
    in_parallel(CHEAP, |(_, text)| {
        let original = import(text).expect(text);
        for (place, old) in text.char_indices() {
            let (before, after) = (&text[..place], &text[place + old.len_utf8()..]);
            let neighbours = [u8::try_from(old).unwrap() - 1, u8::try_from(old).unwrap() + 1];
            let new = REPLACEMENTS.chars().chain(neighbours.map(char::from));
            for (nth, new) in new.enumerate().filter(|(_, new)| *new != old) {
                let changed = format!("{before}{new}{after}");
                let hash = check_cost(&changed);
                if place < PARAMETERS || (place + nth).is_multiple_of(SAMPLE) {
                    hash.inspect(|hash| check_verdict(&original, &changed, hash));
                }
            }
            check(&original, &format!("{before}{after}"));
        }
    });
}

#[test]
fn what_is_appended_never_verifies() {
    for (_, text) in CHEAP {
        let original = import(text).expect(text);
        for more in ["=", "A", ".", "$", "\n", " ", "AAAA", "é"] {
            check(&original, &format!("{text}{more}"));
            check(&original, &format!("{more}{text}"));
        }
    }
}

#[test]
fn texts_of_other_things_are_refused() {
    for text in [
        "",
        "$",
        "$$",
        "{",
        "{}",
        "{\"",
        "{\"secretData\":1}",
        "password",
        "$2b$",
        "é",
        "$é$",
        "{é}$",
    ] {
        assert!(import(text).is_err(), "{text:?}");
    }
    assert_eq!(import(&"$".repeat(5000)), Err(Refused::TooLong));
}
