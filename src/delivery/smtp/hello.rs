//! The client's name in EHLO (RFC 5321, section 4.1.1.1). Servers check it: an unknown one costs mails.

use std::net::IpAddr;

use tokio::net::TcpStream;

use crate::domain::ascii_domain;

/// The name of this host, or of the service, to mail servers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hello(Option<String>);

impl Hello {
    /// Reads a name: a domain, or an address in brackets.
    ///
    /// # Errors
    /// Anything else.
    pub fn parse(text: &str) -> Result<Self, String> {
        let literal = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let is_literal = literal.is_some_and(|text| {
            let (v6, text) = text.strip_prefix("IPv6:").map_or((false, text), |text| (true, text));
            text.parse::<IpAddr>().is_ok_and(|address| address.is_ipv6() == v6)
        });
        let name = if is_literal { Some(text.to_owned()) } else { domain(text) };
        let problem =
            "must be a domain such as auth.example.com, or an address such as [192.0.2.1]";
        name.map(Some).map(Self).ok_or_else(|| problem.to_owned())
    }

    /// This host's name; where that is no domain, each connection's own address.
    pub fn of_host() -> Self {
        Self(rustix::system::uname().nodename().to_str().ok().and_then(domain))
    }

    /// The name for this connection.
    pub(super) fn on(&self, connection: &TcpStream) -> String {
        let address = connection.local_addr().map(|address| address.ip().to_canonical());
        match (&self.0, address) {
            (Some(name), _) => name.clone(),
            (None, Ok(IpAddr::V6(address))) => format!("[IPv6:{address}]"),
            (None, Ok(IpAddr::V4(address))) => format!("[{address}]"),
            (None, Err(_)) => "localhost".into(),
        }
    }
}

/// Letters, digits and hyphens in labels: a domain as of RFC 5321 (section 4.1.2).
fn domain(text: &str) -> Option<String> {
    let name = ascii_domain(text)?;
    let label = |label: &str| {
        let inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        label.bytes().all(inner) && !label.starts_with('-') && !label.ends_with('-')
    };
    name.split('.').all(label).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_or_an_address_in_brackets_is_a_name() {
        for (text, name) in [
            ("Auth.Example.com", "auth.example.com"),
            ("bücher.example", "xn--bcher-kva.example"),
            ("web-1", "web-1"),
            ("[192.0.2.1]", "[192.0.2.1]"),
            ("[IPv6:2001:db8::1]", "[IPv6:2001:db8::1]"),
        ] {
            assert_eq!(Hello::parse(text), Ok(Hello(Some(name.into()))), "{text}");
        }
        for bad in [
            "",
            "a b",
            "a\r\nRSET",
            "-a.example",
            "a_b",
            "[2001:db8::1]",
            "[IPv6:192.0.2.1]",
            "[x]",
        ] {
            assert!(Hello::parse(bad).is_err(), "{bad}");
        }
    }

    #[tokio::test]
    async fn a_host_without_a_name_gives_its_address() {
        for (listen, expected) in [("127.0.0.1:0", "[127.0.0.1]"), ("[::1]:0", "[IPv6:::1]")] {
            // A machine without IPv6 has no such address.
            let Ok(listener) = tokio::net::TcpListener::bind(listen).await else { continue };
            let connection = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            assert_eq!(Hello(None).on(&connection), expected);
            assert_eq!(Hello::parse("a.example").unwrap().on(&connection), "a.example");
        }
    }
}
