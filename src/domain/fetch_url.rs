//! URLs that key sets are fetched from.

use std::fmt;

use url::Url;

use super::is_loopback;

/// The longest URL, in bytes.
const LONGEST: usize = 2048;

/// `https://…`, or `http://…` on this machine.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FetchUrl(Url);

impl FetchUrl {
    /// Parses a URL.
    ///
    /// # Errors
    /// Malformed URLs, credentials, a fragment, and a connection without TLS that would leave the machine.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wanted = "must be https://…, or http://… to a loopback address, without a password or a fragment";
        if text.len() > LONGEST {
            return Err(format!("must not be longer than {LONGEST} bytes"));
        }
        let url = Url::parse(text).map_err(|error| format!("{wanted}: {error}"))?;
        let safe = match url.scheme() {
            "https" => url.host_str().is_some(),
            "http" => url.host_str().is_some_and(is_loopback),
            _ => false,
        };
        let plain = url.username().is_empty() && url.password().is_none();
        let plain = plain && url.fragment().is_none();
        if safe && plain { Ok(Self(url)) } else { Err(wanted.to_owned()) }
    }

    /// The host: a name, or an address without brackets.
    pub fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default().trim_matches(['[', ']'])
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.0.port_or_known_default().unwrap_or(443)
    }

    /// Whether the connection has TLS.
    pub fn has_tls(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// Host and port as HTTP's header `host` has them.
    pub fn authority(&self) -> &str {
        self.0.authority()
    }

    /// Path and query, as a request has them.
    pub fn target(&self) -> String {
        let query = self.0.query().map(|query| format!("?{query}")).unwrap_or_default();
        format!("{}{query}", self.0.path())
    }

    /// Whether it has a query.
    pub fn has_query(&self) -> bool {
        self.0.query().is_some()
    }

    /// Whether both lead to the same server (RFC 6454).
    pub fn has_origin_of(&self, other: &Self) -> bool {
        self.0.origin() == other.0.origin()
    }
}

/// For logs: without the query, which may hold a secret.
impl fmt::Display for FetchUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.0.origin().ascii_serialization(), self.0.path())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_fetched_with_tls_unless_from_this_machine() {
        for (good, host, port, target) in [
            ("https://keys.example.com", "keys.example.com", 443, "/"),
            ("https://keys.example.com:8443/a/b?c=d", "keys.example.com", 8443, "/a/b?c=d"),
            ("https://[2001:db8::1]/jwks", "2001:db8::1", 443, "/jwks"),
            ("http://localhost:8080/jwks", "localhost", 8080, "/jwks"),
            ("http://127.0.0.1/", "127.0.0.1", 80, "/"),
            ("https://0x7f.1/", "127.0.0.1", 443, "/"),
        ] {
            let url = FetchUrl::parse(good).unwrap();
            assert_eq!((url.host(), url.port(), url.target().as_str()), (host, port, target));
            assert_eq!(url.has_tls(), good.starts_with("https"));
        }
        let long = format!("https://keys.example.com/{}", "a".repeat(LONGEST));
        for bad in [
            "",
            "keys.example.com",
            "http://keys.example.com/",
            "http://127.0.0.1@keys.example.com/",
            "http://localhost.example.com/",
            "https://user@keys.example.com/",
            "https://user:password@keys.example.com/",
            "https://keys.example.com/#a",
            "ftp://keys.example.com/",
            "file:///etc/passwd",
            "unix:///run/x.sock",
            "https://",
            &long,
        ] {
            assert!(FetchUrl::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_query_is_not_shown_and_ports_make_other_servers() {
        let url = FetchUrl::parse("https://keys.example.com/a?token=hunter2").unwrap();
        assert_eq!(url.to_string(), "https://keys.example.com/a");
        assert_eq!(url.authority(), "keys.example.com");
        let same = |text: &str| url.has_origin_of(&FetchUrl::parse(text).unwrap());
        assert!(same("https://keys.example.com:443/b"));
        assert!(!same("https://keys.example.com:8443/a") && !same("https://example.com/a"));
    }
}
