//! Metadata of answers: what a handler says beside its messages.
//!
//! Before the messages it is in headers. After them it is in headers as well, with a prefix, if the call is unary, and else
//! in the last envelope.

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{CONTENT_LENGTH, CONTENT_TYPE, DATE},
};
use serde_json::{Map, Value};

/// Adds the metadata of a unary call to the headers of its answer, which come first.
pub(super) fn add(headers: &mut HeaderMap, leading: &HeaderMap, trailing: &HeaderMap) {
    add_leading(headers, leading);
    for (name, value) in among(trailing) {
        if let Ok(name) = HeaderName::try_from(format!("trailer-{name}")) {
            headers.append(name, value.clone());
        }
    }
}

/// Adds the metadata from before the messages.
pub(super) fn add_leading(headers: &mut HeaderMap, leading: &HeaderMap) {
    for (name, value) in among(leading) {
        headers.append(name, value.clone());
    }
}

/// The metadata of the last envelope.
pub(super) fn as_json(trailing: &HeaderMap) -> Map<String, Value> {
    let mut members = Map::new();
    for (name, value) in among(trailing) {
        let Ok(text) = value.to_str() else { continue };
        let values = members.entry(name.as_str()).or_insert_with(|| Value::Array(Vec::new()));
        values.as_array_mut().into_iter().for_each(|values| values.push(Value::from(text)));
    }
    members
}

/// Without what the protocol itself says there, and the request id, which every answer of HTTP has.
fn among(headers: &HeaderMap) -> impl Iterator<Item = (&HeaderName, &HeaderValue)> {
    headers.iter().filter(|(name, _)| {
        let is_of_grpc = name.as_str().starts_with("grpc-");
        !is_of_grpc && ![CONTENT_TYPE, CONTENT_LENGTH, DATE, X_REQUEST_ID].contains(name)
    })
}

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value));
        pairs.iter().copied().map(pair).collect()
    }

    #[test]
    fn metadata_is_all_but_what_the_protocol_says() {
        let leading = headers(&[
            ("content-type", "application/grpc"),
            ("grpc-encoding", "identity"),
            ("x-request-id", "edge-1"),
            ("x-early", "a"),
            ("x-early", "b"),
        ]);
        let trailing = headers(&[("grpc-status", "0"), ("x-late", "c"), ("x-late", "d")]);
        let mut answer = headers(&[("content-type", "application/json")]);
        add(&mut answer, &leading, &trailing);
        let expected = headers(&[
            ("content-type", "application/json"),
            ("x-early", "a"),
            ("x-early", "b"),
            ("trailer-x-late", "c"),
            ("trailer-x-late", "d"),
        ]);
        assert_eq!(answer, expected);
        assert_eq!(Value::Object(as_json(&trailing)), json!({ "x-late": ["c", "d"] }));
    }
}
