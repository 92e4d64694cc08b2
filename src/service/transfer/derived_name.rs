//! Usernames for users of systems that know them by their address.
//!
//! The name follows from the address alone, so that an import is idempotent.

use aws_lc_rs::digest::{SHA256, digest};

use crate::domain::{Email, InvalidField, Username};

/// The local part of the address, as far as a username can have its characters, and a few digits that make it unique. The name says nothing that
/// the address does not.
pub(super) fn derived_name(email: &Email) -> Result<Username, InvalidField> {
    let local = email.as_str().rsplit_once('@').map_or("", |(local, _)| local);
    let fits = |c: &char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-');
    let readable: String = local.chars().filter(fits).take(40).collect();
    let hash = digest(&SHA256, email.key().as_bytes());
    let unique: String = hash.as_ref()[..5].iter().map(|byte| format!("{byte:02x}")).collect();
    // Letters of several scripts may not stand side by side.
    Username::parse(&format!("{readable}-{unique}"))
        .or_else(|_mixed| Username::parse(&format!("user-{unique}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_follows_from_the_address_whatever_its_spelling() {
        let of = |text| derived_name(&Email::parse(text).unwrap()).unwrap().as_str().to_owned();
        assert!(of("alice+news@example.com").starts_with("alicenews-"));
        assert_eq!(of("Alice@Example.com").to_lowercase(), of("alice@example.com"));
        assert_ne!(of("alice@example.com"), of("alice@example.org"));
        assert!(of(&format!("{}@example.com", "a".repeat(64))).len() <= 64);
    }
}
