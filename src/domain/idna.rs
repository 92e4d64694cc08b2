//! Domains in the one form that all their spellings have: A-labels (IDNA 2008, RFC 5890), by way of UTS 46, not transitional.

use std::borrow::Cow;

use ::idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};

/// The domain in ASCII, in lower case: `bücher.example` is `xn--bcher-kva.example`. `ß` is a letter of its own: `faß` and
/// `fass` are two domains. `None` for a text that is no domain.
pub fn ascii_domain(domain: &str) -> Option<String> {
    let ascii = Uts46::new().to_ascii(
        domain.as_bytes(),
        // The caller restricts ASCII characters.
        AsciiDenyList::EMPTY,
        // `r3---sn` is a real name.
        Hyphens::Allow,
        DnsLength::Verify,
    );
    ascii.ok().map(Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_a_domain_are_one_and_domains_that_differ_are_two() {
        for (typed, ascii) in [
            ("Example.COM", "example.com"),
            ("bücher.example", "xn--bcher-kva.example"),
            ("BÜCHER.example", "xn--bcher-kva.example"),
            ("bu\u{308}cher.example", "xn--bcher-kva.example"),
            ("XN--bcher-kva.example", "xn--bcher-kva.example"),
            ("bücher。example", "xn--bcher-kva.example"),
            ("faß.example", "xn--fa-hia.example"),
            ("fass.example", "fass.example"),
            ("例子.广告", "xn--fsqu00a.xn--4rr70v"),
            ("r3---sn.example", "r3---sn.example"),
            ("a_b.example", "a_b.example"),
        ] {
            assert_eq!(ascii_domain(typed).as_deref(), Some(ascii), "{typed}");
        }
        let long = format!("{}.example", "ü".repeat(63));
        for bad in ["xn--a.example", "xn--\u{e9}.example", "a..example", "", long.as_str()] {
            assert_eq!(ascii_domain(bad), None, "{bad}");
        }
    }
}
