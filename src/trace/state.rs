//! The header `tracestate` (W3C Trace Context, section 3.3): what other tracing systems pass on. It is never changed here.

use std::sync::Arc;

use http::{HeaderMap, HeaderName};

pub(super) const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// The most members.
const MOST: usize = 32;

/// The longest that is passed on, in bytes: what everybody has to.
const LONGEST: usize = 512;

/// The state of a request, if it is right: otherwise it is as if there were none.
pub(super) fn of(headers: &HeaderMap) -> Option<Arc<str>> {
    let values = headers.get_all(TRACESTATE).iter().map(|value| value.to_str().ok());
    let values: Option<Vec<_>> = values.collect();
    parse(&values?.join(","))
}

/// The members of a list, without the white space and the empty ones.
pub(super) fn parse(text: &str) -> Option<Arc<str>> {
    let members = text.split(',').map(|member| member.trim_matches([' ', '\t']));
    let members: Vec<_> = members.filter(|member| !member.is_empty()).collect();
    let keys: Option<Vec<_>> = members.iter().map(|member| key(member)).collect();
    let keys = keys?;
    let mut once = keys.clone();
    once.sort_unstable();
    once.dedup();
    let state = members.join(",");
    let is_right = (1..=MOST).contains(&keys.len()) && once.len() == keys.len();
    (is_right && state.len() <= LONGEST).then(|| state.into())
}

/// The key of a member that is right.
fn key(member: &str) -> Option<&str> {
    let (key, value) = member.split_once('=')?;
    let starts =
        |part: &str| part.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
    let in_key =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-*/@".contains(&byte);
    let in_value = |byte: u8| (0x20..0x7f).contains(&byte) && byte != b'=';
    let is_key = starts(key)
        && key.len() <= 256
        && key.bytes().all(in_key)
        && key.bytes().filter(|byte| *byte == b'@').count() <= 1;
    let is_value = (1..=256).contains(&value.len()) && value.bytes().all(in_value);
    (is_key && is_value).then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_passed_on_as_it_came_if_it_is_right() {
        for (text, expected) in [
            ("congo=t61rcWkgMzE", "congo=t61rcWkgMzE"),
            ("rojo=00f067aa0ba902b7 , congo=a b,,", "rojo=00f067aa0ba902b7,congo=a b"),
            ("1tenant@system=a", "1tenant@system=a"),
        ] {
            assert_eq!(parse(text).as_deref(), Some(expected));
        }
        let many = (0..33).map(|index| format!("k{index}=v")).collect::<Vec<_>>().join(",");
        let long = format!("a={},b={}", "x".repeat(255), "x".repeat(255));
        for wrong in [
            "", ",", "a", "A=b", "a=", "a=b,a=c", "a=b=c", "a=\u{e9}", "a@b@c=d", "-a=b", &many,
            &long,
        ] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
