//! A file of the pages, which is in the binary.

use axum::{
    http::{HeaderMap, HeaderName, StatusCode, header},
    response::{IntoResponse, Response},
};

/// A file, and where it is.
pub(super) struct File {
    pub(super) path: &'static str,
    pub(super) media_type: &'static str,
    pub(super) content: &'static [u8],
    /// The content as gzip has it.
    pub(super) gzip: &'static [u8],
    /// The name of the content.
    pub(super) etag: &'static str,
}

/// Files below `web/`, which the build has prepared (`build/web.rs`).
macro_rules! files {
    ($($path:literal: $kind:ident $file:literal,)+) => {
        &[$(File {
            path: $path,
            media_type: $kind,
            content: include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/web/", $file)),
            gzip: include_bytes!(concat!(env!("OUT_DIR"), "/web/", $file, ".gz")),
            etag: include_str!(concat!(env!("OUT_DIR"), "/web/", $file, ".etag")),
        }),+]
    };
}
pub(super) use files;

/// Nobody may take an answer for another type than its own.
pub(super) const NOSNIFF: (HeaderName, &str) = (header::X_CONTENT_TYPE_OPTIONS, "nosniff");

const OPENER: HeaderName = HeaderName::from_static("cross-origin-opener-policy");

impl File {
    /// The answer to a request with these headers.
    pub(super) fn answer(&self, policy: &'static str, asked: &HeaderMap) -> Response {
        let headers = [
            // Another release may have others: browsers ask each time whether they have this one.
            (header::CACHE_CONTROL, "no-cache"),
            (header::ETAG, self.etag),
            (header::VARY, "accept-encoding"),
            (header::CONTENT_SECURITY_POLICY, policy),
            NOSNIFF,
            (header::REFERRER_POLICY, "no-referrer"),
            (OPENER, "same-origin"),
        ];
        if self.is_known(asked) {
            return (StatusCode::NOT_MODIFIED, headers).into_response();
        }
        let media_type = [(header::CONTENT_TYPE, self.media_type)];
        if takes_gzip(asked) {
            let encoding = [(header::CONTENT_ENCODING, "gzip")];
            return (headers, media_type, encoding, self.gzip).into_response();
        }
        (headers, media_type, self.content).into_response()
    }

    /// Whether the caller has it (RFC 9110, section 13.1.2).
    fn is_known(&self, asked: &HeaderMap) -> bool {
        words(asked, &header::IF_NONE_MATCH).any(|etag| etag == self.etag || etag == "*")
    }
}

/// Whether `accept-encoding` has gzip, and not with a weight of 0.
fn takes_gzip(asked: &HeaderMap) -> bool {
    words(asked, &header::ACCEPT_ENCODING).any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        let weight = weight.trim().strip_prefix("q=").map(str::parse::<f32>);
        name.trim().eq_ignore_ascii_case("gzip") && weight.is_none_or(|weight| weight != Ok(0.0))
    })
}

/// The members of a list.
fn words<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(name: HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, value.parse().unwrap())])
    }

    #[test]
    fn gzip_is_for_whoever_takes_it() {
        for value in ["gzip", "GZIP", "gzip, deflate, br, zstd", "br;q=1.0, gzip;q=0.8"] {
            assert!(takes_gzip(&asked(header::ACCEPT_ENCODING, value)), "{value}");
        }
        for value in ["", "br", "identity", "gzip;q=0", "gzip; q=0.0", "x-gzip", "*;q=0"] {
            assert!(!takes_gzip(&asked(header::ACCEPT_ENCODING, value)), "{value}");
        }
        assert!(!takes_gzip(&HeaderMap::new()));
    }

    #[test]
    fn who_has_the_content_is_not_sent_it_again() {
        let file = File {
            path: "/",
            media_type: "text/plain",
            content: b"text",
            gzip: b"",
            etag: "W/\"1\"",
        };
        let status = |value| file.answer("", &asked(header::IF_NONE_MATCH, value)).status();
        for known in ["W/\"1\"", "*", "\"0\", W/\"1\""] {
            assert_eq!(status(known), StatusCode::NOT_MODIFIED, "{known}");
        }
        for other in ["W/\"2\"", "", "1"] {
            assert_eq!(status(other), StatusCode::OK, "{other}");
        }
    }
}
