//! The path of a request in each of its readings.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use super::unclear::{Unclear, add};

/// A path in one reading: its segments.
pub(in crate::domain::authorization) type Path<'a> = Vec<Cow<'a, str>>;

/// The most times that a path is decoded, the last one in vain.
const DECODINGS: usize = 4;

/// The most segments of a path. Each is looked at in all readings, and nobody means so many.
const MOST: usize = 256;

/// Paths in each reading, and whether its case is folded.
pub(super) fn readings<'a>(
    paths: impl Iterator<Item = &'a str>,
) -> Result<Vec<(Path<'a>, bool)>, Unclear> {
    let mut readings = Vec::with_capacity(2);
    for path in paths {
        for path in decoded(path)?.into_iter().flat_map(with_cuts) {
            check(&path)?;
            let lower = path.iter().map(lower_case).collect();
            add(&mut readings, (path, false));
            add(&mut readings, (lower, true));
        }
    }
    Ok(readings)
}

/// The path in the reading of RFC 3986.
pub(in crate::domain::authorization) fn plain(path: &str) -> Result<Path<'_>, Unclear> {
    Ok(readings([path].into_iter())?.swap_remove(0).0)
}

fn lower_case<'a>(segment: &Cow<'a, str>) -> Cow<'a, str> {
    if segment.bytes().any(|b| b.is_ascii_uppercase() || !b.is_ascii()) {
        return folded(segment).into();
    }
    segment.clone()
}

/// Without case, as the least exact of servers have it: Java and Python take `ı` and `İ` for an `i`, and `ſ` for an `s`.
pub(in crate::domain::authorization) fn folded(text: &str) -> String {
    text.to_uppercase().to_lowercase().replace('\u{307}', "")
}

/// The path, and what servers leave of it that cut something off.
fn with_cuts(path: Path<'_>) -> Vec<Path<'_>> {
    let cuts: [fn(&str) -> &str; 3] =
        [without_parameters, without_dots, |segment| without_dots(without_parameters(segment))];
    let has_more = |segment: &Cow<'_, str>| cuts.iter().any(|cut| cut(segment) != segment);
    if !path.iter().any(has_more) {
        return vec![path];
    }
    let cut = |cut: fn(&str) -> &str| path.iter().map(|of| cut(of).to_owned().into()).collect();
    let rest: Vec<_> = cuts.into_iter().map(cut).collect();
    [path].into_iter().chain(rest).collect()
}

/// The segments, decoded once, and more often where that changes them.
fn decoded(path: &str) -> Result<Vec<Path<'_>>, Unclear> {
    let path = path.strip_prefix('/').ok_or(Unclear("the path does not begin with a slash"))?;
    let mut raw: Vec<_> = path.split('/').collect();
    // A slash at the end makes no difference here, as in most servers.
    raw.pop_if(|last| last.is_empty());
    if raw.len() > MOST {
        return Err(Unclear("the path has many segments"));
    }
    if raw.iter().any(|segment| has_bad_escape(segment)) {
        return Err(Unclear("the path has a % without two hexadecimal digits"));
    }
    let mut levels = vec![raw.into_iter().map(decode).collect::<Result<Path<'_>, _>>()?];
    for _ in 1..DECODINGS {
        let last = &levels[levels.len() - 1];
        if !last.iter().any(|segment| segment.contains('%')) {
            return Ok(levels);
        }
        let again = |segment: &Cow<'_, str>| Ok(decode(segment)?.into_owned().into());
        let next = last.iter().map(again).collect::<Result<Path<'_>, Unclear>>()?;
        if next == *last {
            return Ok(levels);
        }
        levels.push(next);
    }
    Err(Unclear("the path is encoded again and again"))
}

fn decode(segment: &str) -> Result<Cow<'_, str>, Unclear> {
    percent_decode_str(segment).decode_utf8().map_err(|_invalid| Unclear("the path is not UTF-8"))
}

fn has_bad_escape(segment: &str) -> bool {
    segment.split('%').skip(1).any(|rest| {
        !rest.as_bytes().get(..2).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    })
}

/// Refuses what has no meaning of its own, or another one for each server.
fn check(path: &Path<'_>) -> Result<(), Unclear> {
    for segment in path {
        if segment.is_empty() {
            return Err(Unclear("the path has an empty segment"));
        }
        // An upstream that passes on what it has decoded makes a query of what follows a `?`.
        if segment.contains(['/', '\\', '?', '#']) || segment.contains(char::is_control) {
            return Err(Unclear(
                "the path has a slash, a backslash, a ?, a # or a control character in a segment",
            ));
        }
        if without_dots(segment).is_empty() {
            return Err(Unclear("the path has a segment of dots"));
        }
    }
    Ok(())
}

/// As servers have it that know parameters of segments (RFC 3986, section 3.3).
fn without_parameters(segment: &str) -> &str {
    segment.split(';').next().unwrap_or_default()
}

/// As file systems have it that ignore dots and spaces at the end of a name, and servers that take away all white space there.
fn without_dots(segment: &str) -> &str {
    segment.trim_end_matches(|c: char| c == '.' || c.is_whitespace())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The paths of all readings, those with folded case behind a `~`.
    fn paths_of(path: &str) -> Vec<String> {
        let show = |(path, folded): (Path<'_>, bool)| {
            format!("{}{}", if folded { "~" } else { "" }, path.join("/"))
        };
        let mut shown: Vec<_> =
            readings([path].into_iter()).unwrap().into_iter().map(show).collect();
        shown[1..].sort();
        shown
    }

    #[test]
    fn a_plain_path_has_one_reading_beside_that_without_case() {
        for path in ["/orders/7", "/orders/7/", "/%6frders/7"] {
            assert_eq!(paths_of(path), ["orders/7", "~orders/7"], "{path}");
        }
        assert_eq!(paths_of("/"), ["", "~"]);
        assert_eq!(paths_of("/Orders"), ["Orders", "~orders"]);
    }

    #[test]
    fn what_servers_cut_off_or_decode_again_is_a_reading_of_its_own() {
        assert_eq!(
            paths_of("/admin;x=1/a"),
            ["admin;x=1/a", "admin/a", "~admin/a", "~admin;x=1/a"]
        );
        assert_eq!(paths_of("/admin."), ["admin.", "admin", "~admin", "~admin."]);
        assert_eq!(paths_of("/%2561"), ["%61", "a", "~%61", "~a"]);
        assert_eq!(paths_of("/100%25"), ["100%", "~100%"]);
        assert!(paths_of("/admin%2520").contains(&"~admin".to_owned()));
        assert!(paths_of("/admin%C2%A0").contains(&"admin".to_owned()));
    }

    #[test]
    fn a_path_of_very_many_segments_is_refused() {
        assert!(readings([&*"/a".repeat(256)].into_iter()).is_ok());
        assert!(readings([&*"/a".repeat(257)].into_iter()).is_err());
    }

    #[test]
    fn what_servers_resolve_in_ways_of_their_own_has_no_reading() {
        for path in [
            "",
            "*",
            "orders",
            "//",
            "/a//b",
            "/./a",
            "/a/..",
            "/a/../b",
            "/a/%2e%2E/b",
            "/a/.%2e/b",
            "/a/...",
            "/a/..;/b",
            "/a/..;x/b",
            "/;a",
            "/a%2Fb",
            "/a%2fb",
            "/a%5Cb",
            "/a\\b",
            "/a%252fb",
            "/%252e%252e/a",
            "/a%00",
            "/a%0d%0a",
            "/a%7f",
            "/%ff",
            "/%c0%ae%c0%ae/a",
            "/a%",
            "/a%2",
            "/a%zz",
            "/a%2",
            "/a%3fb",
            "/a%253Fb",
            "/a#b",
            "/a%23b",
            "/ ",
            "/%2525252561",
        ] {
            assert!(readings([path].into_iter()).is_err(), "{path}");
        }
    }
}
