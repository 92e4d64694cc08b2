//! Scopes of tokens (RFC 6749, section 3.3).

use std::fmt;

/// The longest list of scopes, in bytes.
const LONGEST: usize = 1024;

/// A list of scopes: each once, in the order of their first mention.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scope(Vec<String>);

impl Scope {
    /// Parses scopes with spaces between them; empty is none.
    ///
    /// # Errors
    /// More than 1,024 bytes, and characters that a scope can't have: spaces apart, all but the visible ones of ASCII, and
    /// of these `"` and `\`.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let is_allowed = |c: char| c.is_ascii_graphic() && !['"', '\\'].contains(&c);
        if text.len() > LONGEST {
            return Err("must have at most 1,024 bytes");
        }
        let mut scopes = Vec::new();
        for scope in text.split(' ').filter(|scope| !scope.is_empty()) {
            if !scope.chars().all(is_allowed) {
                return Err("must be scopes such as orders.read, with spaces between them");
            }
            if !scopes.iter().any(|known| known == scope) {
                scopes.push(scope.to_owned());
            }
        }
        Ok(Self(scopes))
    }

    /// Whether it is among them.
    pub fn has(&self, scope: &str) -> bool {
        self.0.iter().any(|own| own == scope)
    }

    /// Whether all of them are among `others`.
    pub fn is_within(&self, others: &Self) -> bool {
        self.0.iter().all(|scope| others.has(scope))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The form of requests and of the claim `scope`.
impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_words_each_once() {
        let scope = Scope::parse("orders.read  orders.write orders.read ").unwrap();
        assert_eq!(scope.to_string(), "orders.read orders.write");
        assert!(scope.has("orders.read") && !scope.has("orders") && !scope.has(""));
        assert!(Scope::parse("").unwrap().is_empty());
        for bad in ["a\tb", "a\"b", "a\\b", "ä", "a\nb", &"a".repeat(1025)] {
            assert!(Scope::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_scope_is_within_another_if_all_its_words_are() {
        let (narrow, wide) = (Scope::parse("b").unwrap(), Scope::parse("a b").unwrap());
        assert!(narrow.is_within(&wide) && wide.is_within(&wide));
        assert!(!wide.is_within(&narrow));
        assert!(Scope::default().is_within(&narrow));
    }
}
