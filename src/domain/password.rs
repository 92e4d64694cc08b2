//! Passwords and their rules (NIST SP 800-63B-4, section 3.1.1.2; OWASP ASVS 5.0, 6.2).

use std::{collections::HashSet, fmt, sync::LazyLock};

use zeroize::Zeroizing;

use super::{Email, InvalidField, Username, fold, size};

/// Shorter usernames and mailbox names are part of too many good passwords to refuse those.
const MIN_CONTAINED_LENGTH: usize = 4;

static COMMON: LazyLock<HashSet<&'static str>> =
    LazyLock::new(|| include_str!("common_passwords.txt").lines().collect());

/// A password in NFC. Its `Debug` hides it and its memory is zeroed.
#[derive(Clone)]
pub struct Password {
    nfc: Zeroizing<String>,
    /// As it was typed, where that is another spelling: other systems have hashed that.
    typed: Option<Zeroizing<String>>,
}

/// The rules for new passwords.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PasswordPolicy {
    /// The least length, in code points.
    pub min_length: usize,
}

impl Password {
    /// Parses a password to check. Every password that was ever accepted passes, by another system too: whether it is right is for the hash to
    /// say.
    ///
    /// # Errors
    /// An empty password, and one over 1,024 bytes.
    pub fn parse(text: &str) -> Result<Self, InvalidField> {
        if text.is_empty() {
            return Err(InvalidField::new("password", "must not be empty"));
        }
        size::PASSWORD.check(text)?;
        let nfc = Zeroizing::new(fold::nfc(text));
        let typed = (*nfc != text).then(|| Zeroizing::new(text.to_owned()));
        Ok(Self { nfc, typed })
    }

    /// Parses a new password for the user of that name and address.
    ///
    /// # Errors
    /// As of [`Password::parse`], and passwords with control characters, shorter than the policy asks, common ones, and those made of the username
    /// or the e-mail address.
    pub fn parse_new(
        text: &str,
        policy: PasswordPolicy,
        username: Option<&Username>,
        email: Option<&Email>,
    ) -> Result<Self, InvalidField> {
        let password = Self::parse(text)?;
        if text.chars().any(char::is_control) {
            let problem = "must not contain control characters";
            return Err(InvalidField::new("password", problem));
        }
        if password.expose().chars().count() < policy.min_length {
            let least = policy.min_length;
            let problem = format!("must have at least {least} characters");
            return Err(InvalidField::new("password", problem).with("min_characters", least));
        }
        // Some letters grow when folded. The key of a long text of them is no common password.
        let key = fold::key_within(password.expose(), 2 * size::PASSWORD.max_bytes);
        let key = Zeroizing::new(key.unwrap_or_default());
        if COMMON.contains(key.as_str()) {
            return Err(InvalidField::new("password", "is one of the most common passwords"));
        }
        if is_made_of(&key, username, email) {
            let problem = "must not contain the username or the e-mail address";
            return Err(InvalidField::new("password", problem));
        }
        Ok(password)
    }

    /// The password.
    pub fn expose(&self) -> &str {
        &self.nfc
    }

    /// The password as it was typed, where that is not NFC.
    pub fn typed(&self) -> Option<&str> {
        self.typed.as_ref().map(|typed| typed.as_str())
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

fn is_made_of(password: &str, username: Option<&Username>, email: Option<&Email>) -> bool {
    let address = email.map(Email::key);
    let mailbox = address.and_then(|address| address.split('@').next());
    [username.map(Username::key), address, mailbox].into_iter().flatten().any(|name| {
        let long = name.chars().count() >= MIN_CONTAINED_LENGTH;
        name == password || (long && password.contains(name))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: PasswordPolicy = PasswordPolicy { min_length: 8 };

    fn new(text: &str) -> Result<Password, InvalidField> {
        let (name, email) = (Username::parse("Alice"), Email::parse("al.smith@example.com"));
        Password::parse_new(text, POLICY, name.as_ref().ok(), email.as_ref().ok())
    }

    #[test]
    fn length_is_counted_in_code_points() {
        assert!(new("xkcd936").is_err());
        assert!(new("xkcd-936").is_ok());
        assert!(new(&"é".repeat(8)).is_ok());
        assert!(new(&"é".repeat(7)).is_err());
    }

    #[test]
    fn long_ones_and_plain_ones_are_fine() {
        assert!(new(&"😀".repeat(64)).is_ok());
        assert!(new("a lower case sentence").is_ok());
        assert!(new(&"z".repeat(1024)).is_ok());
        assert!(new(&"z".repeat(1025)).is_err());
        assert!(new(&"\u{fdfa}".repeat(341)).is_ok(), "11 KB, were it folded");
    }

    #[test]
    fn common_ones_and_names_are_refused_whatever_the_case() {
        for text in [
            "password",
            "PassWord1",
            "12345678",
            "my ALICE key",
            "al.smith@example.com",
            "al.smith99",
        ] {
            assert!(new(text).is_err(), "{text}");
        }
    }

    #[test]
    fn short_names_may_be_part_of_a_password() {
        let name = Username::parse("or").ok();
        assert!(Password::parse_new("correct horse", POLICY, name.as_ref(), None).is_ok());
    }

    #[test]
    fn the_list_of_common_passwords_is_whole_and_folded() {
        assert!(COMMON.len() >= 3000, "{}", COMMON.len());
        assert!(COMMON.iter().all(|entry| fold::key(entry) == *entry));
    }

    #[test]
    fn both_normal_forms_are_one_password() {
        let (nfc, nfd) = ("pässwort fuer x", "pa\u{308}sswort fuer x");
        let (of_nfc, of_nfd) = (new(nfc).unwrap(), new(nfd).unwrap());
        assert_eq!(of_nfc.expose(), of_nfd.expose());
        assert_eq!((of_nfc.typed(), of_nfd.typed()), (None, Some(nfd)));
    }

    #[test]
    fn a_new_password_has_no_control_characters_and_one_of_another_system_may() {
        for text in ["P\0Psomething", "some\tthing", "something\n"] {
            assert!(new(text).is_err());
            assert_eq!(Password::parse(text).unwrap().expose(), text);
        }
    }
}
