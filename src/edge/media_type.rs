//! The type of a body, as a request's head has it.

use http::{HeaderMap, header::CONTENT_TYPE};

/// The value of `content-type`; empty if there is none, or more than one: two readers might take different ones.
pub(crate) fn content_type(headers: &HeaderMap) -> &str {
    let mut values = headers.get_all(CONTENT_TYPE).iter();
    let only = values.next().filter(|_| values.next().is_none());
    only.and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// The media type without its parameters, in the case in which it was sent; empty if it is absent or ambiguous.
pub(crate) fn media_type(headers: &HeaderMap) -> &str {
    content_type(headers).split(';').next().unwrap_or_default().trim()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn there_is_one_media_type_or_none() {
        for (values, expected) in [
            (&["application/json"][..], "application/json"),
            (&["Application/JSON ; charset=UTF-8"], "Application/JSON"),
            (&["text/plain;application/json"], "text/plain"),
            (&["application/json", "text/plain"], ""),
            (&["application/json", "application/json"], ""),
            (&[], ""),
        ] {
            let header = |value: &&'static str| (CONTENT_TYPE, HeaderValue::from_static(value));
            assert_eq!(media_type(&values.iter().map(header).collect()), expected, "{values:?}");
        }
    }
}
