//! Login names: the username or e-mail address that a user types.

use super::{InvalidField, email, fold, size};

/// A username or an e-mail address, reduced to the key to look up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoginName {
    /// The key of a username.
    Username(String),
    /// The key of an e-mail address.
    Email(String),
}

impl LoginName {
    /// Parses a login name. It need not be a valid username or address: an unknown one just matches no account, and one
    /// that was valid under older rules still does. Surrounding white space is dropped: keyboards that complete words add
    /// some.
    ///
    /// # Errors
    /// An empty name, one over 1,024 bytes (also in NFKC), and one with control characters: such a name can't exist.
    pub fn parse(text: &str) -> Result<Self, InvalidField> {
        let problem = "must be a username or an e-mail address, at most 1,024 bytes";
        let refused = || InvalidField::new("username", problem);
        size::USERNAME.check(text).map_err(|_too_long| refused())?;
        let text = text.trim();
        if text.is_empty() || text.chars().any(char::is_control) {
            return Err(refused());
        }
        // Every name that can be registered is shorter, in any spelling.
        let max_bytes = size::USERNAME.max_bytes;
        let key = fold::login_key_within(text, max_bytes).ok_or_else(refused)?;
        Ok(if key.contains('@') { Self::Email(email::key(text)) } else { Self::Username(key) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_at_sign_makes_it_an_address() {
        let address = LoginName::Email("alice@example.com".into());
        assert_eq!(LoginName::parse("Alice@Example.com"), Ok(address));
        assert_eq!(LoginName::parse("ALICE"), Ok(LoginName::Username("alice".into())));
        // In any spelling of the domain.
        let address = LoginName::Email("alice@xn--bcher-kva.example".into());
        for typed in
            ["Alice@BÜCHER.example", "alice＠bücher.example", "alice@xn--bcher-kva.example"]
        {
            assert_eq!(LoginName::parse(typed), Ok(address.clone()), "{typed}");
        }
    }

    /// Unicode's property White_Space.
    #[test]
    fn white_space_around_it_is_dropped() {
        for space in [
            " ", "\t", "\n", "\r\n", "\u{a0}", "\u{2003}", "\u{2028}", "\u{202f}", "\u{3000}",
            "\u{85}",
        ] {
            for (name, expected) in [
                ("Alice", LoginName::Username("alice".into())),
                ("Alice@Example.com", LoginName::Email("alice@example.com".into())),
            ] {
                let typed = format!("{space}{name}{space}{space}");
                assert_eq!(LoginName::parse(&typed), Ok(expected), "{typed:?}");
            }
            assert!(LoginName::parse(space).is_err(), "{space:?} is no name");
        }
        // Within a name, white space is deliberate.
        assert_eq!(LoginName::parse("al ice"), Ok(LoginName::Username("al ice".into())));
    }

    #[test]
    fn the_longest_username_can_log_in_in_any_spelling() {
        let decomposed = "e\u{301}\u{301}".repeat(64);
        assert!(LoginName::parse(&decomposed).is_ok());
        assert!(LoginName::parse(&"\u{20000}".repeat(64)).is_ok(), "256 bytes");
    }

    #[test]
    fn impossible_names_are_bad_fields() {
        for text in ["", "a\0b", &"a".repeat(1025), &"\u{fdfa}".repeat(60)] {
            assert!(LoginName::parse(text).is_err(), "{text:?}");
        }
    }
}
