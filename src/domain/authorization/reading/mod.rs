//! How an upstream may read a request.
//!
//! Servers differ in what they make of a path: some fold its case, some cut off what follows a `;`, some decode `%25` twice, some drop dots
//! at the end of a segment. Some take another method or another path from a header or the query. A rule that goes by one reading is skipped
//! by whoever writes the request for another. So all of them are asked for, and a request passes only where they agree. What no server
//! should be sent, such as `..`, has no reading.

mod host;
mod method;
mod path;
mod unclear;

use std::borrow::Cow;

pub use self::unclear::Unclear;
pub(super) use self::{
    host::host,
    path::{Path, folded, plain},
};

/// A request that somebody wants to make, as the proxy describes it. In bytes: callers can send what is no text.
#[derive(Debug, Clone, Copy, Default)]
pub struct Request<'a> {
    /// The host, perhaps with a port.
    pub host: &'a [u8],
    /// The method.
    pub method: &'a [u8],
    /// The path, with the query.
    pub path: &'a [u8],
    /// What headers have that name a method in the place of it (`x-http-method-override`).
    pub other_methods: &'a [&'a str],
    /// What headers have that name a path in the place of it (`x-original-url`).
    pub other_paths: &'a [&'a str],
}

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

impl<'a> Readings<'a> {
    /// # Errors
    /// What servers are known to differ on in ways that can't be compared.
    pub(super) fn of(request: &Request<'a>) -> Result<Self, Unclear> {
        let (host, method) = (host(text(request.host)?)?, text(request.method)?);
        let targets = [text(request.path)?].into_iter().chain(request.other_paths.iter().copied());
        let targets = targets.map(|target| target.split_once('?').unwrap_or((target, "")));
        let queries = targets.clone().map(|(_, query)| query);
        let methods = method::readings(method, request.other_methods, queries)?;
        check_others(request.other_paths)?;
        Ok(Self { host, methods, paths: path::readings(targets.map(|(path, _)| path))? })
    }

    /// The plain one first.
    pub(super) fn iter(&self) -> impl Iterator<Item = Reading<'_>> {
        let Self { host, methods, paths } = self;
        let of = move |method| {
            paths.iter().map(move |(path, folded)| Reading { host, method, path, folded: *folded })
        };
        methods.iter().flat_map(move |method| of(method.as_ref()))
    }
}

fn text(bytes: &[u8]) -> Result<&str, Unclear> {
    std::str::from_utf8(bytes).map_err(|_invalid| Unclear("the request is not UTF-8"))
}

/// The most paths that headers may name.
const MOST_PATHS: usize = 4;

/// Proxies may have made one header of two, with a comma between them: it can't be told from one that has a comma.
fn check_others(paths: &[&str]) -> Result<(), Unclear> {
    if paths.len() > MOST_PATHS || paths.iter().any(|path| path.contains(',')) {
        return Err(Unclear("headers name several paths"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_text_has_no_reading() {
        let plain = Request { host: b"a", method: b"GET", path: b"/a?q=x", ..Request::default() };
        assert!(Readings::of(&plain).is_ok());
        for request in [
            Request { host: b"a\xff", ..plain },
            Request { method: b"GET\xff", ..plain },
            Request { path: b"/a\xff", ..plain },
            Request { path: b"/a?q=\xff", ..plain },
        ] {
            assert!(Readings::of(&request).is_err(), "{request:?}");
        }
    }

    #[test]
    fn a_path_that_a_header_names_is_read_as_the_other_one_is() {
        let with =
            |other_paths| Request { method: b"GET", path: b"/a", other_paths, ..<_>::default() };
        let request = with(&["/B?_method=PUT"]);
        let readings = Readings::of(&request).unwrap();
        let has = |method, path: &str| {
            readings.iter().any(|of| of.method == method && of.path.join("/") == path)
        };
        assert!(has("GET", "a") && has("GET", "B") && has("GET", "b") && has("PUT", "B"));
        for others in [
            &["b"][..],
            &[""],
            &["https://a.example/b"],
            &["/../b"],
            &["/b,/c"],
            &["/a", "/a", "/a", "/a", "/a"],
        ] {
            assert!(Readings::of(&with(others)).is_err(), "{others:?}");
        }
    }
}
