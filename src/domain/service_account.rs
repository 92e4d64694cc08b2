//! Service accounts: the identities of machines, and what their tokens may say.

use std::fmt;

use uuid::Uuid;

use super::{InvalidField, Scope, Timestamp, size};

/// The id of a service account: OAuth's `client_id`, and `sub` of its tokens. Its text is 32 hexadecimal digits and no
/// dashes, which no encoding of HTTP's Basic changes, and which is never taken for a user's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ServiceAccountId(pub Uuid);

impl ServiceAccountId {
    /// Parses the output of `Display`.
    pub fn parse(text: &str) -> Option<Self> {
        let is_digit = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
        let is_id = text.len() == 32 && text.chars().all(is_digit);
        is_id.then(|| Uuid::try_parse(text).ok().map(Self)).flatten()
    }
}

impl fmt::Display for ServiceAccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.simple().fmt(f)
    }
}

/// A service account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceAccount {
    /// Its id. A UUIDv7.
    pub id: ServiceAccountId,
    /// Its name for people: unique, and free again once it is deleted.
    pub name: String,
    /// What its tokens may say.
    pub grants: Grants,
    /// Its public keys, by which it proves who it is without a secret of ours.
    pub assertion_keys: AssertionKeys,
    /// Grows when its tokens are to end: those of an earlier epoch are void.
    pub epoch: i64,
    /// The time since which it is disabled, if it is.
    pub disabled_at: Option<Timestamp>,
    /// The time of its creation.
    pub created_at: Timestamp,
}

/// What the tokens of a service account may say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grants {
    /// The scopes that it may ask for.
    pub scope: Scope,
    /// The audiences that it may ask for, the first by default; empty is the first of the server's.
    pub audiences: Vec<String>,
    /// Whether it may act for users (token exchange).
    pub may_exchange: bool,
}

/// The public keys of a service account (RFC 7523).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AssertionKeys {
    /// A JWK set.
    pub jwks: Option<String>,
    /// Where its JWK set is.
    pub jwks_url: Option<String>,
}

/// A workload, as another issuer names it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Workload {
    /// A configured issuer: a URL, or `spiffe://` and a trust domain.
    pub issuer: String,
    /// The claim `sub`.
    pub subject: String,
}

impl Grants {
    /// The audience to issue for: the one asked for, or the first; `None` if it is not granted. `served` are the server's
    /// own: a token for any other could not be verified here.
    pub fn audience(&self, asked: &str, served: &[String]) -> Option<String> {
        let first = served.get(..1).unwrap_or_default();
        let granted = if self.audiences.is_empty() { first } else { &self.audiences[..] };
        let mut granted = granted.iter().filter(|audience| served.contains(audience));
        let found = if asked.is_empty() {
            granted.next()
        } else {
            granted.find(|audience| *audience == asked)
        };
        found.cloned()
    }

    /// Whether these grants are no wider than `others`.
    pub fn are_within(&self, others: &Self) -> bool {
        let audiences = others.audiences.is_empty() == self.audiences.is_empty()
            && self.audiences.iter().all(|audience| others.audiences.contains(audience));
        let exchange = others.may_exchange || !self.may_exchange;
        self.scope.is_within(&others.scope) && audiences && exchange
    }
}

#[cfg(test)]
impl ServiceAccount {
    /// An account without any grants.
    pub(crate) fn sample(id: ServiceAccountId) -> Self {
        let (grants, assertion_keys) = (Grants::default(), AssertionKeys::default());
        let (name, created_at) = ("cart".into(), Timestamp::from_unix_micros(0));
        Self { id, name, grants, assertion_keys, epoch: 0, disabled_at: None, created_at }
    }
}

impl ServiceAccount {
    /// The longest name, in bytes.
    const LONGEST_NAME: usize = 64;

    /// Parses a name: 1 to 64 lower-case letters, digits, and any of `. _ -`, beginning with a letter.
    ///
    /// # Errors
    /// Any other text.
    pub fn parse_name(text: &str) -> Result<String, InvalidField> {
        let is_allowed =
            |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
        let is_name = text.starts_with(|c: char| c.is_ascii_lowercase())
            && text.len() <= Self::LONGEST_NAME
            && text.chars().all(is_allowed);
        let problem =
            "must have 1 to 64 lower-case letters, digits, and any of . _ -, a letter first";
        if is_name { Ok(text.to_owned()) } else { Err(InvalidField::new("name", problem)) }
    }
}

impl Workload {
    /// Parses an issuer and a subject, separated by a comma.
    ///
    /// # Errors
    /// A text without both.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (issuer, subject) = text.split_once(',').unwrap_or_default();
        if issuer.is_empty() || subject.is_empty() || text.len() > size::ASSERTION.max_bytes {
            return Err("must be ISSUER,SUBJECT: https://kubernetes.default.svc,system:serviceaccount:shop:cart".into());
        }
        // Its keys vouch for no other: a workload that nothing can prove would look like one.
        let of_domain =
            |subject: &str| subject.strip_prefix(issuer).is_some_and(|path| path.starts_with('/'));
        if issuer.starts_with("spiffe://") && !of_domain(subject) {
            return Err(
                "must be of its trust domain: spiffe://example.org,spiffe://example.org/cart"
                    .into(),
            );
        }
        Ok(Self { issuer: issuer.to_owned(), subject: subject.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grants(scope: &str, audiences: &[&str]) -> Grants {
        let audiences = audiences.iter().map(|text| (*text).to_owned()).collect();
        Grants { scope: Scope::parse(scope).unwrap(), audiences, may_exchange: false }
    }

    #[test]
    fn an_id_is_read_as_it_is_written_and_no_users_id_is_one() {
        let id = ServiceAccountId(Uuid::from_u128(0x1234));
        assert_eq!(id.to_string(), "00000000000000000000000000001234");
        assert_eq!(ServiceAccountId::parse(&id.to_string()), Some(id));
        for text in ["", "1234", &id.0.to_string(), &id.to_string().replace("12", "AB")] {
            assert_eq!(ServiceAccountId::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_name_is_short_and_plain() {
        for good in ["a", "cart", "shop.cart-2_b", &"a".repeat(64)] {
            assert!(ServiceAccount::parse_name(good).is_ok(), "{good}");
        }
        for bad in ["", "Cart", "2cart", ".a", "a b", "ä", "a/b", &"a".repeat(65)] {
            assert!(ServiceAccount::parse_name(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_audience_is_both_granted_and_served() {
        let served = ["auth".to_owned(), "orders".to_owned()];
        let audience = |granted: &[&str], asked: &str| grants("", granted).audience(asked, &served);
        assert_eq!(audience(&[], "").as_deref(), Some("auth"));
        assert_eq!(audience(&[], "auth").as_deref(), Some("auth"));
        assert_eq!(audience(&[], "orders"), None);
        assert_eq!(audience(&["orders", "auth"], "").as_deref(), Some("orders"));
        assert_eq!(audience(&["gone", "orders"], "").as_deref(), Some("orders"));
        assert_eq!(audience(&["gone"], "gone"), None);
        assert_eq!(audience(&["orders"], "auth"), None);
    }

    #[test]
    fn grants_are_wider_by_any_scope_audience_or_right() {
        let before = grants("a b", &["x", "y"]);
        assert!(grants("a", &["y"]).are_within(&before));
        assert!(!grants("a c", &["y"]).are_within(&before));
        assert!(!grants("a", &["z"]).are_within(&before));
        assert!(!grants("a", &[]).are_within(&before));
        assert!(!Grants { may_exchange: true, ..before.clone() }.are_within(&before));
        assert!(before.are_within(&Grants { may_exchange: true, ..before.clone() }));
    }

    #[test]
    fn a_workload_has_an_issuer_and_a_subject() {
        let workload = Workload::parse("https://k8s.example,system:serviceaccount:a:b").unwrap();
        assert_eq!(workload.subject, "system:serviceaccount:a:b");
        assert!(Workload::parse("spiffe://a.example,spiffe://a.example/cart").is_ok());
        for bad in [
            "",
            "https://k8s.example",
            ",a",
            "a,",
            "spiffe://a.example,spiffe://b.example/cart",
            "spiffe://a.example,spiffe://a.example.org/cart",
            "spiffe://a.example,cart",
        ] {
            assert!(Workload::parse(bad).is_err(), "{bad}");
        }
    }
}
