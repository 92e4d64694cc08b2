//! The head of a request, as Envoy tells it.

use std::collections::HashMap;

use crate::{
    edge::bearer_in,
    pb::ext_authz::envoy::{
        config::core::v3::HeaderMap, service::auth::v3::attribute_context::HttpRequest,
    },
    service::Presented,
};

/// Headers by which servers let a caller replace the method.
const METHODS: [&str; 3] = ["x-http-method-override", "x-http-method", "x-method-override"];

/// Headers by which servers let a caller replace the path: IIS and its modules, and frameworks that take after them.
const PATHS: [&str; 2] = ["x-original-url", "x-rewrite-url"];

/// The head of a request to another service.
pub(super) struct Head {
    http: HttpRequest,
    headers: HashMap<String, String>,
}

impl Head {
    pub(super) fn new(mut http: HttpRequest) -> Self {
        let mut headers = std::mem::take(&mut http.headers);
        // In the place of the other one, where the filter says `encode_raw_headers`.
        if let Some(raw) = http.header_map.take() {
            join(&mut headers, raw);
        }
        Self { http, headers }
    }

    pub(super) fn host(&self) -> &[u8] {
        &self.http.host
    }

    pub(super) fn method(&self) -> &[u8] {
        &self.http.method
    }

    pub(super) fn path(&self) -> &[u8] {
        &self.http.path
    }

    /// What headers have that name methods in the place of the request's.
    pub(super) fn other_methods(&self) -> Vec<&str> {
        self.alike(&METHODS)
    }

    /// What headers have that name a path in the place of the request's.
    pub(super) fn other_paths(&self) -> Vec<&str> {
        self.alike(&PATHS)
    }

    fn alike(&self, names: &[&str]) -> Vec<&str> {
        let is_one = |name: &str| names.iter().any(|own| is_alike(name, own));
        let found = self.headers.iter().filter(|(name, _)| is_one(name));
        found.map(|(_, value)| value.as_str()).collect()
    }

    /// Whether the caller reads a gRPC status. gRPC-Web, which a filter in front has not translated, is for a browser.
    pub(super) fn is_grpc(&self) -> bool {
        let rest = self.header("content-type").and_then(|is| is.strip_prefix("application/grpc"));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['+', ';']))
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// The names of all headers.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.headers.keys().map(String::as_str)
    }

    /// The token: of `authorization`, else of the cookie of that name. What upstreams read of two cookies of a name differs.
    pub(super) fn presented(&self, cookie: Option<&str>) -> Presented<'_> {
        if let Some(token) = self.header("authorization").and_then(bearer_in) {
            return Presented::Token(token);
        }
        let named = |name| self.cookies().flat_map(move |pair| values(pair, name));
        let mut tokens = cookie.into_iter().flat_map(named);
        match (tokens.next(), tokens.next()) {
            (None, _) => Presented::Nothing,
            (Some(token), None) => Presented::Token(token),
            (Some(_), Some(_)) => Presented::Several,
        }
    }

    /// The cookies (RFC 6265, section 4.2.1), each as it stands.
    pub(super) fn cookies(&self) -> impl Iterator<Item = &str> {
        self.header("cookie").unwrap_or_default().split(';').map(str::trim)
    }
}

/// Whether servers may take a name for the one of ours: CGI and its heirs make no difference between `-` and `_`.
pub(super) fn is_alike(name: &str, own: &str) -> bool {
    let plain = |b: u8| if b == b'_' { b'-' } else { b.to_ascii_lowercase() };
    name.len() == own.len() && name.bytes().zip(own.bytes()).all(|(of, own)| plain(of) == own)
}

/// What a cookie has for a name. Without `encode_raw_headers` Envoy joins two headers of HTTP/1.1 with a comma, so that several may look
/// like one. No token has a comma in it; other cookies may.
pub(super) fn values<'a>(cookie: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    let pairs = cookie.split(',').filter_map(|pair| pair.trim().split_once('='));
    pairs.filter(move |(own, _)| *own == name).map(|(_, value)| value.trim_matches('"'))
}

/// Adds headers to those of the same name, as HTTP allows it (RFC 9110, section 5.3; for cookies RFC 9113, section 8.2.3).
fn join(headers: &mut HashMap<String, String>, raw: HeaderMap) {
    for header in raw.headers {
        let value = if header.raw_value.is_empty() {
            header.value
        } else {
            String::from_utf8_lossy(&header.raw_value).into_owned()
        };
        let name = header.key.to_ascii_lowercase();
        let separator = if name == "cookie" { "; " } else { "," };
        headers
            .entry(name)
            .and_modify(|known| {
                known.push_str(separator);
                known.push_str(&value);
            })
            .or_insert(value);
    }
}

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::*;
    use crate::pb::ext_authz::envoy::{
        config::core::v3::HeaderValue, service::auth::v3::CheckRequest,
    };

    fn head(headers: &[(&str, &str)]) -> Head {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Head::new(HttpRequest { headers: headers.collect(), ..HttpRequest::default() })
    }

    #[test]
    fn the_token_is_in_one_place() {
        for (headers, expected) in [
            (&[][..], Presented::Nothing),
            (&[("authorization", "Bearer a")], Presented::Token("a")),
            (&[("authorization", "bearer  a")], Presented::Token("a")),
            (&[("authorization", "Basic a")], Presented::Nothing),
            (&[("cookie", "x=1; session=a; y=2")], Presented::Token("a")),
            (&[("cookie", "session=\"a\"")], Presented::Token("a")),
            (&[("cookie", "x=1,session=a")], Presented::Token("a")),
            (&[("cookie", "x=1,2; session=a; y")], Presented::Token("a")),
            (&[("cookie", "Session=a; xsession=b")], Presented::Nothing),
            (&[("cookie", "session=a; session=a")], Presented::Several),
            (&[("authorization", "Bearer a"), ("cookie", "session=b")], Presented::Token("a")),
            // Two headers are one to Envoy: no token has a comma in it.
            (&[("authorization", "Bearer a,Bearer b")], Presented::Token("a,Bearer b")),
        ] {
            assert_eq!(head(headers).presented(Some("session")), expected, "{headers:?}");
        }
        assert_eq!(head(&[("cookie", "session=a")]).presented(None), Presented::Nothing);
    }

    #[test]
    fn raw_headers_are_joined_as_envoy_joins_the_others() {
        let raw = |key: &str, value: &str, raw_value: &[u8]| HeaderValue {
            key: key.to_owned(),
            value: value.to_owned(),
            raw_value: raw_value.to_vec(),
        };
        let headers = vec![
            raw("authorization", "", b"Bearer a"),
            raw("authorization", "", b"Bearer b"),
            raw("x-a", "text", b""),
            raw("cookie", "", b"x=1,2"),
            raw("cookie", "", b"session=a"),
        ];
        let header_map = Some(HeaderMap { headers });
        let head = Head::new(HttpRequest { header_map, ..HttpRequest::default() });
        assert_eq!(head.presented(None), Presented::Token("a,Bearer b"));
        assert_eq!(head.header("x-a"), Some("text"));
        assert_eq!(head.cookies().collect::<Vec<_>>(), ["x=1,2", "session=a"]);
    }

    #[test]
    fn who_reads_a_grpc_status_is_seen_by_the_content_type() {
        for (content_type, expected) in [
            ("application/grpc", true),
            ("application/grpc+proto", true),
            ("application/grpc;x=y", true),
            ("application/grpc-web", false),
            ("application/grpc-web+proto", false),
            ("application/json", false),
        ] {
            assert_eq!(head(&[("content-type", content_type)]).is_grpc(), expected);
        }
    }

    #[test]
    fn every_header_that_replaces_the_method_or_the_path_is_told() {
        let headers = [
            ("x-http-method-override", "PUT, delete"),
            ("x_http_method-override", "PATCH"),
            ("x-method-override", "HEAD"),
            ("x-methods-override", "GET"),
            ("x-original-url", "/a"),
            ("x_rewrite_url", "/b"),
            ("x-original-urls", "/c"),
        ];
        let head = head(&headers);
        let mut methods = head.other_methods();
        methods.sort_unstable();
        assert_eq!(methods, ["HEAD", "PATCH", "PUT, delete"]);
        let mut paths = head.other_paths();
        paths.sort_unstable();
        assert_eq!(paths, ["/a", "/b"]);
    }

    /// A body that is no text, in a field of that type: the rest of the message counts.
    #[test]
    fn what_is_not_read_may_be_anything() {
        let told = [0x0a, 10, 0x22, 8, 0x12, 6, 0x22, 1, b'/', 0x5a, 1, 0xff];
        let request = CheckRequest::decode(&told[..]).unwrap();
        let http = request.attributes.unwrap().request.unwrap().http.unwrap();
        assert_eq!(Head::new(http).path(), b"/");
    }
}
