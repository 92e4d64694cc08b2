//! Answers with a body.

use http::{
    HeaderMap, HeaderValue, Response,
    header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS},
};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;

use crate::edge::Payload;

/// JSON.
pub(super) fn json(text: Vec<u8>) -> Response<Payload> {
    with_type("application/json", text.into())
}

/// A body of that type.
pub(super) fn with_type(media_type: &'static str, body: Bytes) -> Response<Payload> {
    let mut response = Response::new(payload(body));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    not_to_be_stored(headers);
    response
}

/// Answers have tokens in them: nobody may store them, or take them for another type.
pub(super) fn not_to_be_stored(headers: &mut HeaderMap) {
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
}

/// A body that is there at once.
pub(super) fn payload(body: Bytes) -> Payload {
    Full::new(body).map_err(|never| match never {}).boxed_unsync()
}
