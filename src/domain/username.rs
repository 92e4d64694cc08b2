//! Usernames.

use super::{InvalidField, contextual, fold, size, visible};

/// A valid username, with the key that makes it unique.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Username {
    text: String,
    key: String,
}

impl Username {
    /// Parses a username: 1 to 64 letters with their marks, digits and `. _ -`, in any script, all of them visible. The
    /// rule is the profile UsernameCaseMapped (RFC 8265, section 3.3), without the other punctuation of ASCII, and with
    /// letters that have a compatibility form (ADR 22).
    ///
    /// There is no `@`, so that a login name is never both a username and an e-mail address.
    ///
    /// # Errors
    /// Names of other lengths or with other characters, also after normalisation; texts over 1,024 bytes.
    pub fn parse(text: &str) -> Result<Self, InvalidField> {
        size::USERNAME.check(text)?;
        let problem =
            "must have 1 to 64 characters that can be seen: letters, digits, and any of . _ -";
        let text = fold::nfc(text);
        // Folds only names of at most 64 characters: folding may make eighteen of one.
        let key = is_well_formed(&text).then(|| fold::name_key(&text));
        match key.filter(|key| is_well_formed(key) && visible::is_username(&text, key)) {
            Some(key) => Ok(Self { text, key }),
            None => Err(InvalidField::new("username", problem)),
        }
    }

    /// The name as it was typed (in NFC).
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The canonical key: unique among users.
    pub fn key(&self) -> &str {
        &self.key
    }
}

fn is_well_formed(name: &str) -> bool {
    let allowed = |c: char| {
        c.is_alphanumeric()
            || visible::is_mark(c)
            || matches!(c, '.' | '_' | '-')
            || contextual::is_special(c)
    };
    (1..=64).contains(&name.chars().count()) && name.chars().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_what_was_typed_and_folds_the_key() {
        let name = Username::parse("Alice.B").unwrap();
        assert_eq!((name.as_str(), name.key()), ("Alice.B", "alice.b"));
    }

    #[test]
    fn refuses_what_is_not_a_username() {
        let long = "a".repeat(65);
        for text in ["", "a b", "a@b", "a\0", "a\u{200b}", "../x", "a\u{202e}b", long.as_str()] {
            assert!(Username::parse(text).is_err(), "{text:?}");
        }
        assert!(Username::parse(&"a".repeat(64)).is_ok());
    }

    #[test]
    fn refuses_a_name_that_only_normalisation_makes_bad() {
        // U+2100 (℀) becomes "a/c"; U+FDFA is one letter and becomes four words.
        for text in ["x\u{2100}", "x\u{fdfa}"] {
            assert!(Username::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn refuses_a_name_that_can_not_be_seen() {
        for text in
            ["\u{3164}", "\u{115f}\u{1160}", "admin\u{3164}", "admin\u{ffa0}", "admin\u{fe0f}"]
        {
            assert!(Username::parse(text).is_err(), "{text:?}");
        }
        assert!(Username::parse("हिन्दी").is_ok() && Username::parse("தமிழ்").is_ok());
    }

    #[test]
    fn what_is_too_long_is_not_normalised() {
        let refused = Username::parse(&"e\u{301}".repeat(342)).unwrap_err();
        assert_eq!(refused.problem, "must have at most 1024 bytes");
    }
}
