//! The header with a caller's token.

use http::{HeaderMap, header::AUTHORIZATION};

/// Optional white space in a header (RFC 9110, section 5.6.3).
const BLANK: [char; 2] = [' ', '\t'];

/// The token of `authorization: Bearer …` (RFC 6750, section 2.1): the scheme in any case, one or more spaces behind it
/// (RFC 9110, section 11.4). Fails closed on two headers: they are ambiguous.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (value, None) = (values.next()?, values.next()) else { return None };
    bearer_in(value.to_str().ok()?)
}

/// The same in the header's value.
pub(crate) fn bearer_in(value: &str) -> Option<&str> {
    let (scheme, token) = value.trim_matches(BLANK).split_once(BLANK)?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim_start_matches(BLANK))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(values: &[&'static str]) -> HeaderMap {
        values.iter().map(|value| (AUTHORIZATION, value.parse().unwrap())).collect()
    }

    #[test]
    fn one_header_of_the_right_scheme_holds_the_token() {
        assert_eq!(bearer(&headers(&["Bearer abc"])), Some("abc"));
        for value in [
            "bearer abc",
            "BEARER abc",
            "bEARER abc",
            "Bearer  abc",
            "Bearer     abc",
            "Bearer\tabc",
            " Bearer abc",
            "Bearer abc ",
            "\tbearer \t abc\t",
        ] {
            assert_eq!(bearer(&headers(&[value])), Some("abc"), "{value:?}");
        }
        for none in [
            &[][..],
            &["Bearer abc", "Bearer abc"],
            &["Basic abc"],
            &["Bearer"],
            &["Bearer "],
            &["Bearer   "],
            &["Bearer:abc"],
            &["Bearerabc"],
            &["abc"],
            &[""],
        ] {
            assert_eq!(bearer(&headers(none)), None, "{none:?}");
        }
    }
}
