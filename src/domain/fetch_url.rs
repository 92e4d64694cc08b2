//! URLs that this service calls: where key sets are fetched from, and where events are posted.

use std::fmt;

use url::{Host, Url};

use super::{PrivateNetworks, is_loopback};

/// The longest URL, in bytes.
const LONGEST: usize = 2048;

/// `https://…`, or `http://…` on this machine, or, of a webhook, in private networks that are configured.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FetchUrl {
    url: Url,
    without_tls: WithoutTls,
}

/// Where a connection without TLS may lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WithoutTls {
    /// To this machine.
    Loopback,
    /// Into the private networks that are configured.
    Private,
}

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
        let without_tls = WithoutTls::Loopback;
        if safe && plain { Ok(Self { url, without_tls }) } else { Err(wanted.to_owned()) }
    }

    /// Parses the URL of a webhook, which callers give. What a name resolves to is looked at when it is called.
    ///
    /// # Errors
    /// Malformed URLs, credentials, a fragment, an address that is not of the internet and in none of `networks`; without TLS, what is
    /// certainly in none of them.
    pub fn parse_webhook(text: &str, networks: &PrivateNetworks) -> Result<Self, &'static str> {
        if text.len() > LONGEST {
            return Err("must not be longer than 2048 bytes");
        }
        let wanted = "must be https://…, without a password or a fragment";
        let url = Url::parse(text).map_err(|_malformed| wanted)?;
        let plain = url.username().is_empty() && url.password().is_none();
        if !plain || url.fragment().is_some() {
            return Err(wanted);
        }
        let address = match url.host().ok_or(wanted)? {
            Host::Ipv4(address) => Some(address.into()),
            Host::Ipv6(address) => Some(address.into()),
            Host::Domain(_) => None,
        };
        if address.is_some_and(|address| !networks.admit(address)) {
            return Err(
                "must not lead to an address that is not of the internet, unless COUNTERSIGN_FETCH_PRIVATE names its network",
            );
        }
        let may_be_private = address.map_or(!networks.are_none(), |address| networks.have(address));
        match url.scheme() {
            "https" => {}
            "http" if may_be_private => {}
            "http" => {
                return Err(
                    "must be https://…: http is for networks that COUNTERSIGN_FETCH_PRIVATE names",
                );
            }
            _ => return Err(wanted),
        }
        Ok(Self { url, without_tls: WithoutTls::Private })
    }

    /// Where a connection without TLS may lead.
    pub fn without_tls(&self) -> WithoutTls {
        self.without_tls
    }

    /// The host: a name, or an address without brackets.
    pub fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default().trim_matches(['[', ']'])
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.url.port_or_known_default().unwrap_or(443)
    }

    /// Whether the connection has TLS.
    pub fn has_tls(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// Host and port as HTTP's header `host` has them.
    pub fn authority(&self) -> &str {
        self.url.authority()
    }

    /// Path and query, as a request has them.
    pub fn target(&self) -> String {
        let query = self.url.query().map(|query| format!("?{query}")).unwrap_or_default();
        format!("{}{query}", self.url.path())
    }

    /// Whether it has a query.
    pub fn has_query(&self) -> bool {
        self.url.query().is_some()
    }

    /// Whether both lead to the same server (RFC 6454).
    pub fn has_origin_of(&self, other: &Self) -> bool {
        self.url.origin() == other.url.origin()
    }
}

/// For logs: without the query, which may hold a secret.
impl fmt::Display for FetchUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.url.origin().ascii_serialization(), self.url.path())
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
    fn a_webhook_leads_into_the_internet_or_where_an_operator_allows_it() {
        let none = PrivateNetworks::default();
        let some = PrivateNetworks::parse("10.1.0.0/16, 127.0.0.1, fd00::/8").unwrap();
        for good in
            ["https://example.com/a?b=c", "https://1.1.1.1:8443/", "https://[2606:4700::1111]/"]
        {
            let url = FetchUrl::parse_webhook(good, &none).unwrap();
            assert!(url.has_tls() && url.without_tls() == WithoutTls::Private, "{good}");
        }
        for private in [
            "http://10.1.2.3/",
            "http://127.0.0.1:80/",
            "http://[fd00::1]/",
            "http://[::ffff:10.1.2.3]/",
            "http://a.internal/",
            "http://localhost:8080/",
            "https://10.1.2.3/",
        ] {
            assert!(FetchUrl::parse_webhook(private, &some).is_ok(), "{private}");
            assert!(FetchUrl::parse_webhook(private, &none).is_err(), "{private}");
        }
        let of_length = |length: usize| format!("https://a.example/{}", "a".repeat(length - 18));
        let (long, fits) = (of_length(2049), of_length(2048));
        assert!(FetchUrl::parse_webhook(&fits, &none).is_ok());
        for bad in [
            "",
            "example.com",
            "https://",
            "ftp://example.com/",
            "file:///etc/passwd",
            "javascript:alert(1)",
            "http://example.com/#a",
            "http://1.1.1.1/",
            "https://user@example.com/",
            "https://user:password@example.com/",
            "https://:password@example.com/",
            "https://example.com/#fragment",
            "https://169.254.169.254/latest",
            "https://0x7f000002/",
            "https://2130706434/",
            "https://[::ffff:169.254.169.254]/",
            "https://0.0.0.0/",
            "https://10.2.0.1/",
            "https://[fe80::1]/",
            &long,
        ] {
            assert!(FetchUrl::parse_webhook(bad, &some).is_err(), "{bad}");
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
