//! How an upstream may read a request.
//!
//! Servers differ in what they make of a path: some fold its case, some cut off what follows a `;`, some decode `%25` twice, some drop dots
//! at the end of a segment. A rule that goes by one reading is skipped by whoever writes the path for another. So all of them are asked
//! for, and a request passes only where they agree. What no server should be sent, such as `..`, has no reading.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// A request that somebody wants to make, as the proxy describes it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Request<'a> {
    /// The host, perhaps with a port.
    pub host: &'a str,
    /// The method.
    pub method: &'a str,
    /// The path, with the query.
    pub path: &'a str,
    /// Methods that headers name in the place of it (`x-http-method-override`).
    pub overrides: &'a [&'a str],
}

/// The request can't be matched with any certainty, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unclear(pub &'static str);

/// A path in one reading: its segments.
pub(super) type Path<'a> = Vec<Cow<'a, str>>;

/// One way to read a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reading<'a> {
    pub(super) host: &'a str,
    pub(super) method: &'a str,
    pub(super) path: &'a Path<'a>,
    /// Whether the case of the path makes no difference; it is in lower case then.
    pub(super) folded: bool,
}

/// All readings of a request.
#[derive(Debug)]
pub(super) struct Readings<'a> {
    host: Cow<'a, str>,
    methods: Vec<Cow<'a, str>>,
    /// With whether the case is folded. The first one is the reading of RFC 3986.
    paths: Vec<(Path<'a>, bool)>,
}

/// The most times that a path is decoded, the last one in vain.
const DECODINGS: usize = 4;

impl<'a> Readings<'a> {
    /// # Errors
    /// A path that servers are known to differ on in ways that can't be compared.
    pub(super) fn of(request: &Request<'a>) -> Result<Self, Unclear> {
        let (path, query) = request.path.split_once('?').unwrap_or((request.path, ""));
        let (host, methods) = (host(request.host), methods(request, query));
        Ok(Self { host, methods, paths: paths(path)? })
    }

    /// The plain one first.
    pub(super) fn iter(&self) -> impl Iterator<Item = Reading<'_>> {
        let Self { host, methods, paths } = self;
        let of = move |method| {
            paths.iter().map(move |(path, folded)| Reading { host, method, path, folded: *folded })
        };
        methods.iter().flat_map(move |method| of(method.as_ref()))
    }

    /// The segments in the plain reading.
    pub(super) fn plain(&self) -> &Path<'a> {
        &self.paths[0].0
    }
}

/// Without the port, and without the dot at the end of a complete name.
pub(super) fn host(text: &str) -> Cow<'_, str> {
    let port = text.rsplit_once(':').filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()));
    let name = port.map_or(text, |(name, _)| name);
    let name = name.strip_suffix('.').unwrap_or(name);
    if name.bytes().any(|b| b.is_ascii_uppercase()) {
        return name.to_ascii_lowercase().into();
    }
    name.into()
}

/// The method, and those that a server may take in its place.
fn methods<'a>(request: &Request<'a>, query: &'a str) -> Vec<Cow<'a, str>> {
    let in_query = query.split('&').filter_map(|pair| pair.strip_prefix("_method="));
    let all = [request.method].into_iter().chain(request.overrides.iter().copied()).chain(in_query);
    let mut methods = Vec::with_capacity(1);
    for method in all {
        add(&mut methods, method.into());
        if method.bytes().any(|b| b.is_ascii_lowercase()) {
            add(&mut methods, method.to_ascii_uppercase().into());
        }
    }
    methods
}

fn add<T: PartialEq>(to: &mut Vec<T>, new: T) {
    if !to.contains(&new) {
        to.push(new);
    }
}

/// A path in each reading, and whether its case is folded.
fn paths(path: &str) -> Result<Vec<(Path<'_>, bool)>, Unclear> {
    let mut paths = Vec::with_capacity(2);
    for path in decoded(path)?.into_iter().flat_map(with_cuts) {
        check(&path)?;
        let lower = path.iter().map(lower_case).collect();
        add(&mut paths, (path, false));
        add(&mut paths, (lower, true));
    }
    Ok(paths)
}

fn lower_case<'a>(segment: &Cow<'a, str>) -> Cow<'a, str> {
    if segment.bytes().any(|b| b.is_ascii_uppercase() || !b.is_ascii()) {
        return folded(segment).into();
    }
    segment.clone()
}

/// Without case, as the least exact of servers have it: Java and Python take `ı` and `İ` for an `i`, and `ſ` for an `s`.
pub(super) fn folded(text: &str) -> String {
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
        if segment.contains(['/', '\\', '#']) || segment.contains(char::is_control) {
            return Err(Unclear(
                "the path has a slash, a backslash, a # or a control character in a segment",
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

/// As file systems have it that ignore dots and spaces at the end of a name.
fn without_dots(segment: &str) -> &str {
    segment.trim_end_matches(['.', ' '])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(path: &str) -> Result<Readings<'_>, Unclear> {
        let host = "shop.example.org:443";
        Readings::of(&Request { host, method: "GET", path, overrides: &[] })
    }

    /// The paths of all readings, those with folded case behind a `~`.
    fn paths_of(path: &str) -> Vec<String> {
        let show = |Reading { path, folded, .. }: Reading<'_>| {
            format!("{}{}", if folded { "~" } else { "" }, path.join("/"))
        };
        let mut shown: Vec<_> = of(path).unwrap().iter().map(show).collect();
        shown[1..].sort();
        shown
    }

    #[test]
    fn a_plain_path_has_one_reading_beside_that_without_case() {
        for path in ["/orders/7", "/orders/7/", "/orders/7?next=/../x;y", "/%6frders/7"] {
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
            "/a#b",
            "/a%23b",
            "/ ",
            "/%2525252561",
        ] {
            assert!(of(path).is_err(), "{path}");
        }
    }

    #[test]
    fn a_host_is_a_name_without_port_case_and_last_dot() {
        for (text, name) in [
            ("Shop.Example.org", "shop.example.org"),
            ("shop.example.org.:8443", "shop.example.org"),
            ("[::1]:80", "[::1]"),
            ("", ""),
        ] {
            assert_eq!(host(text), name);
        }
    }

    #[test]
    fn every_method_that_is_named_is_read() {
        let request = Request {
            host: "",
            method: "POST",
            path: "/a?x=1&_method=delete",
            overrides: &["PUT"],
        };
        let readings = Readings::of(&request).unwrap();
        let mut methods: Vec<_> = readings.iter().map(|of| of.method).collect();
        methods.dedup();
        assert_eq!(methods, ["POST", "PUT", "delete", "DELETE"]);
    }
}
