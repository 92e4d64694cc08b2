//! Bodies of requests.

use http::{HeaderMap, HeaderName, HeaderValue, header::CONTENT_ENCODING};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::Bytes;

use super::failure::Failure;
use crate::{
    edge::{Code, Payload, Refusal},
    grpc,
};

/// Reads a body of so many bytes at most. Also that of a request whose head is refused is read before the answer: the
/// connection of one that is not is closed, and a caller who still writes then may never see the answer (RFC 9112,
/// section 9.6).
///
/// # Errors
/// A larger one; one that broke off.
pub(super) async fn read(body: Payload, max_bytes: usize) -> Result<Bytes, Failure> {
    match Limited::new(body, max_bytes).collect().await {
        Ok(whole) => Ok(whole.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Failure::too_large(max_bytes)),
        Err(_broke_off) => Err(grpc::cancelled().into()),
    }
}

/// Whether the body is compressed, which only gRPC's may be.
pub(super) fn is_compressed(headers: &HeaderMap) -> bool {
    is_encoded(headers, &CONTENT_ENCODING)
}

/// Whether the header names another encoding than none.
pub(super) fn is_encoded(headers: &HeaderMap, name: &HeaderName) -> bool {
    let is_none = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"identity");
    !headers.get_all(name).iter().all(is_none)
}

/// What is compressed is not taken here.
pub(super) fn compressed() -> Failure {
    let text = "the request's compression is not supported: send it uncompressed";
    Refusal::new(Code::Unimplemented, "COMPRESSION_UNSUPPORTED", text).into()
}

/// An answer of ours that can't be written: logged, and INTERNAL.
pub(super) fn defect(error: impl std::error::Error + 'static) -> Failure {
    Refusal::internal(&error).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(values: &[&'static str]) -> HeaderMap {
        values.iter().map(|value| (CONTENT_ENCODING, HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn what_has_any_encoding_but_none_is_compressed() {
        for (values, compressed) in [
            (&[][..], false),
            (&["identity"], false),
            (&["Identity"], false),
            (&["gzip"], true),
            (&["identity, gzip"], true),
            (&["identity", "gzip"], true),
            (&[""], true),
        ] {
            assert_eq!(is_compressed(&headers(values)), compressed, "{values:?}");
        }
    }
}
