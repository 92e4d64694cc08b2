//! The host of a request.
//!
//! Some servers take whatever follows a `:` for a port, or whatever stands before an `@` for a user. What is no name at all would go by the
//! rules for any host, and be the name that another rule is for to such a server: it has no reading.

use std::borrow::Cow;

use super::unclear::Unclear;

/// A name or an address, without the port, and without the dot at the end of a complete name. A request need not have one.
///
/// # Errors
/// Anything else.
pub(in crate::domain::authorization) fn host(text: &str) -> Result<Cow<'_, str>, Unclear> {
    let (name, port) = text.split_at(end_of_name(text));
    let name = name.strip_suffix('.').unwrap_or(name);
    let is_known = text.is_empty() || is_name(name) || is_address(name);
    if !is_known || !is_port(port) {
        return Err(Unclear("the host is neither a name nor an address"));
    }
    if name.bytes().any(|b| b.is_ascii_uppercase()) {
        return Ok(name.to_ascii_lowercase().into());
    }
    Ok(name.into())
}

fn end_of_name(text: &str) -> usize {
    let after =
        if text.starts_with('[') { text.find(']').map(|at| at + 1) } else { text.find(':') };
    after.unwrap_or(text.len())
}

/// With a `_`, which host names do not have, and names of services do.
fn is_name(text: &str) -> bool {
    let is_in_label = |b: u8| b.is_ascii_alphanumeric() || b"-_".contains(&b);
    text.split('.').all(|label| !label.is_empty() && label.bytes().all(is_in_label))
}

/// RFC 3986, section 3.2.2, `IP-literal`, of today's versions.
fn is_address(text: &str) -> bool {
    let inside = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    let is_in_address = |b: u8| b.is_ascii_hexdigit() || b":.".contains(&b);
    inside.is_some_and(|inside| !inside.is_empty() && inside.bytes().all(is_in_address))
}

fn is_port(text: &str) -> bool {
    let digits = text.strip_prefix(':');
    text.is_empty() || digits.is_some_and(|digits| digits.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_a_name_without_port_case_and_last_dot() {
        for (text, name) in [
            ("Shop.Example.org", "shop.example.org"),
            ("shop.example.org.:8443", "shop.example.org"),
            ("shop.example.org:", "shop.example.org"),
            ("my_shop", "my_shop"),
            ("192.0.2.7:80", "192.0.2.7"),
            ("[2001:DB8::1]", "[2001:db8::1]"),
            ("[::1]:80", "[::1]"),
            ("", ""),
        ] {
            assert_eq!(host(text).as_deref(), Ok(name));
        }
    }

    #[test]
    fn what_is_no_name_has_no_reading() {
        for text in [
            "shop.example.org:80a",
            "shop.example.org:+80",
            "shop.example.org:80:80",
            "shop.example.org::80",
            "shop.example.org:80@other.example",
            "a@shop.example.org",
            "shop.example.org..",
            ".shop.example.org",
            "shop..example.org",
            "shop.example.org, other.example",
            "shop.example.org other",
            " shop.example.org",
            "shop.example.org\t",
            "shop%2eexample.org",
            "shop.example.org/a",
            "shop.example.org\\a",
            "sh\u{f6}p.example.org",
            ".",
            ":80",
            "::1",
            "[::1",
            "[::1].",
            "[]",
            "[::1]a",
            "[shop.example.org]",
            "[fe80::1%25eth0]",
        ] {
            assert!(host(text).is_err(), "{text}");
        }
    }
}
