//! Parameters of a request (RFC 6749, section 3.2).

use std::collections::HashMap;

use axum::{
    body::{Body, to_bytes},
    http::HeaderMap,
};
use url::form_urlencoded;
use zeroize::Zeroizing;

use super::error::Refused;
use crate::edge::media_type;

/// The largest body, in bytes: an assertion and a subject token fit.
const MAX_BODY: usize = 64 * 1024;

/// The parameters, each at most once.
#[derive(Debug)]
pub(in crate::http) struct Form(HashMap<String, Zeroizing<String>>);

impl Form {
    /// Reads a body. One without a value counts as absent (section 3.2).
    ///
    /// # Errors
    /// Another content type; a body that is too large or not UTF-8; a parameter that comes twice.
    pub(super) async fn read(headers: &HeaderMap, body: Body) -> Result<Self, Refused> {
        if !media_type(headers).eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return Err(Refused::request(
                "the content type must be application/x-www-form-urlencoded",
            ));
        }
        let read = to_bytes(body, MAX_BODY).await;
        let bytes =
            read.map_err(|_too_large| Refused::request("the body must have at most 65,536 bytes"))?;
        let bytes = Zeroizing::new(bytes.to_vec());
        Self::parse(&bytes)
    }

    fn parse(bytes: &[u8]) -> Result<Self, Refused> {
        let mut parameters = HashMap::new();
        for (name, value) in form_urlencoded::parse(bytes) {
            if value.is_empty() {
                continue;
            }
            let value = Zeroizing::new(value.into_owned());
            if parameters.insert(name.into_owned(), value).is_some() {
                return Err(Refused::request("a parameter must not come twice"));
            }
        }
        Ok(Self(parameters))
    }

    /// The parameter; empty if it is absent.
    pub(super) fn text(&self, name: &str) -> String {
        self.get(name).unwrap_or_default().to_owned()
    }

    /// The parameter, if it is there.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|value| value.as_str())
    }

    /// The parameter.
    ///
    /// # Errors
    /// It is absent.
    pub(super) fn required(&self, name: &'static str) -> Result<&str, Refused> {
        self.get(name).ok_or_else(|| Refused::request(format!("the parameter {name} is missing")))
    }
}

#[cfg(test)]
mod tests {
    use axum::http::header::CONTENT_TYPE;

    use super::*;

    async fn read(kind: &'static str, body: &str) -> Result<Form, Refused> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, kind.parse().unwrap());
        Form::read(&headers, Body::from(body.to_owned())).await
    }

    const FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";

    #[tokio::test]
    async fn parameters_are_decoded_and_empty_ones_are_absent() {
        let form = read(FORM, "scope=a+b%20c&audience=&x=%E2%82%AC").await.unwrap();
        assert_eq!(form.get("scope"), Some("a b c"));
        assert_eq!(form.get("audience"), None);
        assert_eq!(form.text("x"), "€");
        assert!(form.required("audience").is_err());
    }

    #[tokio::test]
    async fn what_is_ambiguous_or_no_form_is_refused() {
        assert!(read(FORM, "a=1&a=1").await.is_err());
        assert!(read(FORM, "a=1&a=2").await.is_err());
        assert!(read("application/json", "{}").await.is_err());
        assert!(read(FORM, &format!("a={}", "x".repeat(MAX_BODY))).await.is_err());
        assert!(Form::read(&HeaderMap::new(), Body::from("a=1")).await.is_err());
        let twice = [FORM, "text/plain"].map(|kind| (CONTENT_TYPE, kind.parse().unwrap()));
        assert!(Form::read(&twice.into_iter().collect(), Body::from("a=1")).await.is_err());
    }
}
