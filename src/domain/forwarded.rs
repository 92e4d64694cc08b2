//! The headers in which proxies report client addresses: `x-forwarded-for`, and `forwarded` (RFC 7239).
//!
//! Both are read from the end, where the nearest proxy writes: earlier parts may be spoofed, and must not change how that
//! entry is read. So quoted strings are parsed from the end, too.

use std::net::{IpAddr, Ipv6Addr};

/// The header that is believed. The other one is ignored: a proxy that writes one passes the other on unchanged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ForwardedHeader {
    /// `x-forwarded-for`, with an address for each hop.
    #[default]
    XForwardedFor,
    /// `forwarded`, with the parameter `for` (RFC 7239, section 5.2).
    Forwarded,
}

impl ForwardedHeader {
    /// Parses the setting.
    ///
    /// # Errors
    /// Neither of the two.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        match text {
            "x-forwarded-for" => Ok(Self::XForwardedFor),
            "forwarded" => Ok(Self::Forwarded),
            _ => Err("must be x-forwarded-for or forwarded"),
        }
    }

    /// The header's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::XForwardedFor => "x-forwarded-for",
            Self::Forwarded => "forwarded",
        }
    }

    /// The address that each hop reports, the nearest first. `None` where it reports no address.
    pub(super) fn hops<'a>(
        self,
        headers: impl DoubleEndedIterator<Item = &'a str>,
    ) -> impl Iterator<Item = Option<IpAddr>> {
        let entries = headers.rev().flat_map(|header| from_the_end(header, ','));
        entries.map(move |entry| match self {
            Self::XForwardedFor => address(entry),
            Self::Forwarded => named_for(entry),
        })
    }
}

/// The parts between separators outside quoted strings, the last first.
fn from_the_end(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let mut quoted = false;
        let found = text.char_indices().rev().find(|(place, c)| {
            quoted ^= *c == '"' && !is_escaped(&text[..*place]);
            *c == separator && !quoted
        });
        let (before, part) = match found {
            Some((place, _)) => (Some(&text[..place]), &text[place + 1..]),
            None => (None, text),
        };
        rest = before;
        Some(part)
    })
}

/// Whether the next character is escaped: an odd number of backslashes precedes it (RFC 9110, section 5.6.4).
fn is_escaped(before: &str) -> bool {
    before.bytes().rev().take_while(|byte| *byte == b'\\').count() % 2 == 1
}

/// The address in the parameter `for` of an element. `None` if the parameter is there twice, or not at all.
fn named_for(element: &str) -> Option<IpAddr> {
    let mut values = from_the_end(element, ';').filter_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        name.trim().eq_ignore_ascii_case("for").then_some(value)
    });
    let (value, None) = (values.next()?, values.next()) else { return None };
    address(value)
}

/// An address in the notations of proxies: alone, with a port, IPv6 in brackets or with a zone, all that in quotes. Not
/// `unknown`, not an obfuscated name (RFC 7239, section 6.3).
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let text =
        text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text).trim();
    if let Some(text) = text.strip_prefix('[') {
        let (address, port) = text.split_once(']')?;
        let is_port = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
        return is_port.then(|| ipv6(address)).flatten().map(canonical);
    }
    let with_port = || {
        let (address, port) = text.rsplit_once(':').filter(|(_, port)| is_port(port))?;
        // Without brackets, the last group of an IPv6 address could be a port, unless eight groups precede it.
        address.parse().ok().filter(|_| is_port(port) && !address.contains("::"))
    };
    text.parse().ok().or_else(|| ipv6(text)).or_else(with_port).map(canonical)
}

/// An IPv6 address, without its zone (RFC 4007, section 11), which only the proxy's host can use.
fn ipv6(text: &str) -> Option<IpAddr> {
    let address = match text.split_once('%') {
        Some((address, zone)) if !zone.is_empty() => address,
        Some(_) => return None,
        None => text,
    };
    address.parse().map(|address: Ipv6Addr| address.into()).ok()
}

/// A port, or an obfuscated one (RFC 7239, section 6).
fn is_port(text: &str) -> bool {
    let hidden = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    match text.strip_prefix('_') {
        Some(name) => !name.is_empty() && name.chars().all(hidden),
        None => text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok(),
    }
}

fn canonical(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hops(header: ForwardedHeader, values: &[&str]) -> Vec<String> {
        let text = |hop: Option<IpAddr>| hop.map_or_else(|| "-".to_owned(), |ip| ip.to_string());
        header.hops(values.iter().copied()).map(text).collect()
    }

    /// Notations of nginx, Envoy, HAProxy, Traefik, IIS, Azure and others.
    const SPELLINGS: [(&str, &str); 24] = [
        ("192.0.2.1", "192.0.2.1"),
        ("  192.0.2.1\t", "192.0.2.1"),
        ("192.0.2.1:4711", "192.0.2.1"),
        ("192.0.2.1:65535", "192.0.2.1"),
        ("\"192.0.2.1\"", "192.0.2.1"),
        ("\"192.0.2.1:4711\"", "192.0.2.1"),
        ("192.0.2.1:_port", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::1"),
        ("2001:DB8:0:0::1", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ("\"[2001:db8::1]:443\"", "2001:db8::1"),
        ("\"[2001:db8::1]:_x.y-z\"", "2001:db8::1"),
        ("2001:db8:1:2:3:4:5:6:4711", "2001:db8:1:2:3:4:5:6"),
        ("[::1]:443", "::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("[fe80::1%eth0]:443", "fe80::1"),
        ("[fe80::1%25eth0]", "fe80::1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("::ffff:c000:201", "192.0.2.1"),
        ("[::ffff:192.0.2.1]:4711", "192.0.2.1"),
        ("\"::ffff:192.0.2.1\"", "192.0.2.1"),
        ("::ffff:192.0.2.1%1", "192.0.2.1"),
        ("0:0:0:0:0:ffff:192.0.2.1", "192.0.2.1"),
    ];

    /// Not an address.
    const NOBODY: [&str; 26] = [
        "",
        " ",
        "unknown",
        "\"unknown\"",
        "_hidden",
        "_SEVKISEK",
        "localhost",
        "example.com:80",
        "10.0.0",
        "192.0.2.1:",
        "192.0.2.1:x",
        "192.0.2.1:65536",
        "192.0.2.1:+1",
        "192.0.2.1:80:80",
        "192.0.2.01",
        "192.0.2.1/32",
        "[192.0.2.1]",
        "[2001:db8::1",
        "2001:db8::1]",
        "[2001:db8::1]x",
        "[2001:db8::1]443",
        "fe80::1%",
        "192.0.2.1%eth0",
        "\"192.0.2.1",
        "for=192.0.2.1",
        "192.0.2.1 10.0.0.1",
    ];

    #[test]
    fn an_address_is_read_in_every_form_that_proxies_write() {
        for (written, address) in SPELLINGS {
            assert_eq!(hops(ForwardedHeader::XForwardedFor, &[written]), [address], "{written:?}");
            let element = format!("for={written}");
            assert_eq!(hops(ForwardedHeader::Forwarded, &[&element]), [address], "{element:?}");
        }
        for written in NOBODY {
            assert_eq!(hops(ForwardedHeader::XForwardedFor, &[written]), ["-"], "{written:?}");
            let element = format!("for={written}");
            assert_eq!(hops(ForwardedHeader::Forwarded, &[&element]), ["-"], "{element:?}");
        }
    }

    #[test]
    fn the_parameter_is_found_among_the_others() {
        for element in [
            "for=192.0.2.1",
            "For=192.0.2.1",
            "FOR=\"192.0.2.1:4711\"",
            "by=10.0.0.1;for=192.0.2.1",
            "for=192.0.2.1;proto=https;by=203.0.113.43",
            "proto=http ; for=192.0.2.1 ; host=\"a;for=6.6.6.6,b\"",
            "host=\"\\\"\";for=192.0.2.1",
            "for=192.0.2.1;host=\"a\\\\\"",
        ] {
            assert_eq!(hops(ForwardedHeader::Forwarded, &[element]), ["192.0.2.1"], "{element}");
        }
        for element in [
            "by=192.0.2.1",
            "192.0.2.1",
            "for",
            "for=192.0.2.1;for=192.0.2.2",
            "x-for=192.0.2.1",
            "host=\"for=192.0.2.1\"",
        ] {
            assert_eq!(hops(ForwardedHeader::Forwarded, &[element]), ["-"], "{element}");
        }
    }

    #[test]
    fn the_nearest_hop_comes_first_over_all_headers() {
        let values = ["192.0.2.1, 192.0.2.2:80", "unknown", "[2001:db8::3]:443,192.0.2.4"];
        let expected = ["192.0.2.4", "2001:db8::3", "-", "192.0.2.2", "192.0.2.1"];
        assert_eq!(hops(ForwardedHeader::XForwardedFor, &values), expected);
        let values = [
            "for=192.0.2.1, for=\"192.0.2.2:80\"",
            "for=unknown",
            "for=\"[2001:db8::3]:443\";proto=https,For=192.0.2.4",
        ];
        assert_eq!(hops(ForwardedHeader::Forwarded, &values), expected);
    }

    /// An attacker's entry must not swallow the one that the proxy appends.
    #[test]
    fn an_open_quote_before_the_nearest_hop_hides_nothing() {
        for invented in ["for=\"6.6.6.6", "\"", "for=\"a\\\"", "\\", "for=\"\\", "for=\"x, for=\"y"]
        {
            for honest in
                ["for=192.0.2.1", "for=\"192.0.2.1:80\"", "for=\"[::ffff:192.0.2.1]\";by=\"_a,b\""]
            {
                let value = format!("{invented}, {honest}");
                let hops = hops(ForwardedHeader::Forwarded, &[&value]);
                assert_eq!(hops.first().map(String::as_str), Some("192.0.2.1"), "{value}");
                let hops = super::tests::hops(ForwardedHeader::Forwarded, &[invented, honest]);
                assert_eq!(hops.first().map(String::as_str), Some("192.0.2.1"), "{value}");
            }
        }
    }
}
