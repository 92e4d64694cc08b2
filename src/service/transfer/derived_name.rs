//! Usernames for users of systems that know them by their address.
//!
//! The name follows from the address alone, so that an import is idempotent.

use aws_lc_rs::digest::{SHA256, digest};

use crate::domain::{Email, InvalidField, Username};

/// The local part of the address, as far as a username can have its characters.
pub(super) fn derived_name(email: &Email) -> Result<Username, InvalidField> {
    let readable = readable(email, 64);
    Username::parse(&readable).or_else(|_empty_or_mixed| distinct_name(email))
}

/// The same with digits that another address does not have, for a name that is taken.
pub(super) fn distinct_name(email: &Email) -> Result<Username, InvalidField> {
    let hash = digest(&SHA256, email.key().as_bytes());
    let unique: String = hash.as_ref()[..5].iter().map(|byte| format!("{byte:02x}")).collect();
    let readable = readable(email, 40);
    let name = Username::parse(&format!("{readable}-{unique}"));
    // Letters of several scripts may not stand side by side.
    name.or_else(|_mixed| Username::parse(&format!("user-{unique}")))
}

fn readable(email: &Email, most: usize) -> String {
    let local = email.as_str().rsplit_once('@').map_or("", |(local, _)| local);
    let fits = |c: &char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-');
    local.chars().filter(fits).take(most).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_follows_from_the_address_whatever_its_spelling() {
        let email = |text: &str| Email::parse(text).unwrap();
        let plain = |text: &str| derived_name(&email(text)).unwrap().as_str().to_owned();
        let distinct = |text: &str| distinct_name(&email(text)).unwrap().as_str().to_owned();
        assert_eq!(plain("alice+news@example.com"), "alicenews");
        assert_eq!(plain("Alice@example.com"), "Alice");
        assert!(distinct("alice@example.com").starts_with("alice-"));
        assert_eq!(distinct("Alice@Example.com").to_lowercase(), distinct("alice@example.com"));
        assert_ne!(distinct("alice@example.com"), distinct("alice@example.org"));
        let longest = format!("{}@example.com", "a".repeat(64));
        assert_eq!((plain(&longest).len(), distinct(&longest).len()), (64, 51));
        assert!(plain("!#$@example.com").ends_with(&distinct("!#$@example.com")));
    }
}
