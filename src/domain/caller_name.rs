//! The name that a client certificate proves: a SPIFFE id, or a DNS name.

use std::{fmt, sync::Arc};

/// The longest SPIFFE id, in bytes (SPIFFE-ID, section 2.3).
const LONGEST_SPIFFE_ID: usize = 2048;

/// The longest DNS name, in bytes (RFC 1035, section 2.3.4).
const LONGEST_DNS_NAME: usize = 253;

/// The name of a caller, proved by a certificate. The subject's common name is never one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum CallerName {
    /// `spiffe://trust-domain/path`.
    Spiffe(Arc<str>),
    /// A DNS name, in lower case.
    Dns(Arc<str>),
}

impl CallerName {
    /// The name among the subject alternative names of a certificate. An X509-SVID has exactly one URI, its SPIFFE id
    /// (X509-SVID, section 2): several are ambiguous, and prove none. Without a URI the first DNS name counts.
    pub fn of_certificate<'a>(
        uris: impl IntoIterator<Item = &'a str>,
        dns_names: impl IntoIterator<Item = &'a str>,
    ) -> Option<Self> {
        let mut uris = uris.into_iter();
        match (uris.next(), uris.next()) {
            (Some(uri), None) => is_spiffe_id(uri).then(|| Self::Spiffe(uri.into())),
            (Some(_), Some(_)) => None,
            (None, _) => Self::dns(dns_names.into_iter().next()?),
        }
    }

    /// Parses the output of `Display`.
    pub fn parse(text: &str) -> Option<Self> {
        match text.strip_prefix("dns:") {
            Some(name) => Self::dns(name),
            None => is_spiffe_id(text).then(|| Self::Spiffe(text.into())),
        }
    }

    fn dns(name: &str) -> Option<Self> {
        let is_label = |label: &str| {
            !label.is_empty()
                && label.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
        };
        let is_name = name.len() <= LONGEST_DNS_NAME && name.split('.').all(is_label);
        is_name.then(|| Self::Dns(name.to_ascii_lowercase().into()))
    }
}

/// The form in a policy, and in events.
impl fmt::Display for CallerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Spiffe(id) => f.write_str(id),
            Self::Dns(name) => write!(f, "dns:{name}"),
        }
    }
}

/// Whether the text is a SPIFFE id of a workload (SPIFFE-ID, section 2): a trust domain in lower case, and a path.
fn is_spiffe_id(text: &str) -> bool {
    let Some((domain, path)) = text.strip_prefix("spiffe://").and_then(|rest| rest.split_once('/'))
    else {
        return false;
    };
    text.len() <= LONGEST_SPIFFE_ID && is_trust_domain(domain) && path.split('/').all(is_segment)
}

/// Whether the text is a trust domain (SPIFFE-ID, section 2.1).
pub(super) fn is_trust_domain(text: &str) -> bool {
    let is_allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c);
    !text.is_empty() && text.len() <= 255 && text.chars().all(is_allowed)
}

/// Whether the text is a segment of a SPIFFE id's path (SPIFFE-ID, section 2.2): no percent-encoding, no dot segment.
pub(super) fn is_segment(text: &str) -> bool {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    !matches!(text, "" | "." | "..") && text.chars().all(is_allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(uris: &[&str], dns_names: &[&str]) -> Option<String> {
        let name = CallerName::of_certificate(uris.iter().copied(), dns_names.iter().copied());
        name.map(|name| name.to_string())
    }

    #[test]
    fn one_spiffe_id_is_the_name_and_else_the_first_dns_name() {
        let id = "spiffe://example.org/ns/shop/sa/cart";
        assert_eq!(named(&[id], &["cart.example.org"]).as_deref(), Some(id));
        assert_eq!(named(&[], &["Cart.example.org", "b"]).as_deref(), Some("dns:cart.example.org"));
        assert_eq!(named(&[], &[]), None);
    }

    #[test]
    fn what_is_ambiguous_or_no_spiffe_id_proves_nothing() {
        let id = "spiffe://example.org/a";
        for uris in [
            &[id, id][..],
            &[id, "https://example.org/"],
            &["https://example.org/a"],
            &["spiffe://example.org"],
            &["spiffe://example.org/"],
            &["spiffe://example.org//a"],
            &["spiffe://example.org/a/"],
            &["spiffe://example.org/a/../b"],
            &["spiffe://example.org/./a"],
            &["spiffe://example.org/a%2fb"],
            &["spiffe://example.org/a?b"],
            &["spiffe://example.org/a#b"],
            &["spiffe://Example.org/a"],
            &["SPIFFE://example.org/a"],
            &["spiffe://user@example.org/a"],
            &["spiffe://example.org:443/a"],
            &["spiffe:///a"],
            &[""],
        ] {
            assert_eq!(named(uris, &["example.org"]), None, "{uris:?}");
        }
        let long = format!("spiffe://example.org/{}", "a".repeat(2048));
        assert_eq!(named(&[&long], &[]), None);
        for dns in ["*.example.org", "", "a..b", "a b", "dns:a", "ä.example"] {
            assert_eq!(named(&[], &[dns]), None, "{dns}");
        }
    }

    #[test]
    fn a_name_is_read_as_it_is_written() {
        for text in ["spiffe://example.org/a/b-c_d.e", "dns:cart.example.org"] {
            assert_eq!(CallerName::parse(text).map(|name| name.to_string()).as_deref(), Some(text));
        }
        for text in ["", "dns:", "cart.example.org", "spiffe://example.org"] {
            assert_eq!(CallerName::parse(text), None, "{text}");
        }
    }
}
