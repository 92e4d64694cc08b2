//! E-mail addresses.

use email_address::{EmailAddress, Options};
use uuid::Uuid;

use super::{InvalidField, ascii_domain, fold, size, visible};

const PROBLEM: &str = "must be an e-mail address such as name@example.com, at most 254 bytes";

/// Separates address and user in the key of a claim. A control character: no key of an address holds one, and no login name
/// can.
const CLAIM: char = '\u{1f}';

/// A valid e-mail address, with the key that makes it unique.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Email {
    text: String,
    key: String,
}

impl Email {
    /// Parses an address (RFC 5321, 6531): at most 254 bytes, a domain with a dot, no display name, no IP literal, no
    /// invisible characters.
    ///
    /// # Errors
    /// Anything else.
    pub fn parse(text: &str) -> Result<Self, InvalidField> {
        size::EMAIL.check(text)?;
        let text = fold::nfc(text);
        let options =
            Options::default().with_required_tld().without_domain_literal().without_display_text();
        // Quoted local parts may hold spaces and line breaks (mail header injection).
        let plain = !text.chars().any(|c| c.is_control() || c.is_whitespace() || c == '"');
        if text.len() > 254 || !plain || EmailAddress::parse_with_options(&text, options).is_err() {
            return Err(InvalidField::new("email", PROBLEM));
        }
        // Not left to the crate: from 0.2.10 on it accepts every non-ASCII character.
        if !visible::is_identifier(&text, &fold::key(&text)) {
            return Err(InvalidField::new("email", PROBLEM));
        }
        // The ASCII form of the domain, which SMTP transmits, is longer.
        let key = in_ascii(&text).filter(|key| key.len() <= 254);
        let key = key.ok_or_else(|| InvalidField::new("email", PROBLEM))?;
        Ok(Self { text, key })
    }

    /// The address as it was typed (in NFC).
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The canonical key: unique among users.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The key of an account that claims the address while another one has the address's own key (ADR 16): unique, and
    /// never an address's key.
    pub fn claim_key(&self, user_id: Uuid) -> String {
        format!("{}{CLAIM}{user_id}", self.key)
    }
}

impl Email {
    /// The mailbox behind the address, as far as that can be told: without the part after `+` in the local part.
    pub fn mailbox(&self) -> String {
        let (local, domain) = self.key.rsplit_once('@').unwrap_or((&self.key, ""));
        let local = local.split_once('+').map_or(local, |(mailbox, _tag)| mailbox);
        format!("{local}@{domain}")
    }

    /// The mailbox of an address. What was stored once may not pass today's rules: then it stands for itself.
    pub fn mailbox_of(address: &str) -> String {
        Self::parse(address).map_or_else(|_invalid| address.to_owned(), |email| email.mailbox())
    }
}

/// The key of an address, or of a text typed as one: the local part folded, the domain in A-labels (ADR 24). A text without
/// a valid domain is folded as a whole; no such address can be registered.
pub(super) fn key(text: &str) -> String {
    in_ascii(text).unwrap_or_else(|| fold::key(text))
}

/// The domain is not folded first: that would turn `faß` into `fass`, which is another domain.
fn in_ascii(text: &str) -> Option<String> {
    let text = fold::nfkc(text);
    let (local, domain) = text.rsplit_once('@')?;
    Some(format!("{}@{}", fold::key(local), ascii_domain(domain)?))
}

/// Masks an address, except for its first character and its domain.
pub fn mask(address: &str) -> String {
    let (local, domain) = address.rsplit_once('@').unwrap_or((address, ""));
    let first: String = local.chars().take(1).collect();
    format!("{first}***@{domain}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_what_was_typed_and_folds_the_key() {
        let email = Email::parse("Alice@Example.COM").unwrap();
        assert_eq!((email.as_str(), email.key()), ("Alice@Example.COM", "alice@example.com"));
        assert_eq!(mask(email.as_str()), "A***@Example.COM");
    }

    #[test]
    fn refuses_what_is_not_an_address() {
        let long = format!("{}@example.com", "a".repeat(250));
        let bad = [
            "",
            "a",
            "@example.com",
            "a@",
            "a@b@example.com",
            "a b@example.com",
            "a@[127.0.0.1]",
            "Alice <a@example.com>",
            "\"a\nb\"@example.com",
            "\"a b\"@example.com",
            "\"ab\"@example.com",
            "a@localhost",
            long.as_str(),
        ];
        for text in bad {
            assert!(Email::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn at_most_254_bytes_are_an_address() {
        let of = |last: usize| {
            let (local, label) = ("a".repeat(64), "b".repeat(63));
            format!("{local}@{label}.{label}.{}.com", "c".repeat(last))
        };
        assert_eq!(of(57).len(), 254);
        assert!(Email::parse(&of(57)).is_ok());
        assert!(Email::parse(&of(58)).is_err());
    }

    #[test]
    fn what_follows_a_plus_sign_is_the_same_mailbox() {
        let mailbox = |text| Email::parse(text).unwrap().mailbox();
        assert_eq!(mailbox("Alice+a+b@Example.com"), "alice@example.com");
        assert_eq!(mailbox("alice@example.com"), "alice@example.com");
        assert_ne!(mailbox("alice@example.com"), mailbox("bob@example.com"));
    }

    #[test]
    fn a_domain_has_one_key_in_all_its_spellings() {
        let key = |text| Email::parse(text).unwrap().key().to_owned();
        for text in [
            "a@bücher.example",
            "A@BÜCHER.example",
            "a@bu\u{308}cher.example",
            "a@XN--BCHER-KVA.example",
        ] {
            assert_eq!(key(text), "a@xn--bcher-kva.example", "{text}");
        }
        assert_eq!(key("a@faß.example"), "a@xn--fa-hia.example");
        assert_eq!(key("a@fass.example"), "a@fass.example");
        // A local part is no domain: fold it like a username.
        assert_eq!(key("Straße@example.com"), "strasse@example.com");
        for bad in ["a@xn--a.example", "a@xn--.example", "a@\u{5d0}1a.example"] {
            assert!(Email::parse(bad).is_err(), "{bad}");
        }
        assert_eq!(super::key("a@xn--a.example"), "a@xn--a.example");
    }

    #[test]
    fn at_most_254_bytes_go_over_the_wire() {
        let of = |labels: usize| format!("a@{}example", "bücherei.".repeat(labels));
        assert_eq!(of(15).len(), 159);
        assert!(Email::parse(&of(15)).is_ok());
        assert!(of(18).len() < 254);
        assert!(Email::parse(&of(18)).is_err(), "each label has 15 bytes on the wire");
    }

    #[test]
    fn refuses_what_can_not_be_seen_on_either_side() {
        for unseen in
            ['\u{3164}', '\u{115f}', '\u{ffa0}', '\u{200d}', '\u{202e}', '\u{e0061}', '\u{e000}']
        {
            for text in [format!("admin{unseen}@example.com"), format!("admin@exa{unseen}mple.com")]
            {
                assert!(Email::parse(&text).is_err(), "{text:?}");
            }
        }
    }

    #[test]
    fn no_text_without_control_characters_has_the_key_of_a_claim() {
        let makes_one = |c: &char| !c.is_control() && fold::key(&c.to_string()).contains(CLAIM);
        assert_eq!(('\0'..=char::MAX).find(makes_one), None);
        let claim = Email::parse("Alice@example.com").unwrap().claim_key(Uuid::nil());
        assert_eq!(claim.split(CLAIM).next(), Some("alice@example.com"));
        assert!(Email::parse(&claim).is_err());
        assert!(super::super::LoginName::parse(&claim).is_err());
    }

    #[test]
    fn accepts_plus_signs_and_other_scripts() {
        assert!(Email::parse("a+tag@example.co.uk").is_ok());
        assert!(Email::parse("用户@例子.广告").is_ok());
    }
}
