//! Bodies of requests.

use http::{
    HeaderMap,
    header::{CONTENT_ENCODING, CONTENT_TYPE},
};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::Bytes;

use super::failure::Failure;
use crate::{
    edge::{Payload, Refusal},
    grpc,
};

/// Reads a body of so many bytes at most.
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

/// The media type without its parameters, in lower case.
pub(super) fn media_type(headers: &HeaderMap) -> String {
    let text = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// Whether the body is compressed, which only gRPC's may be.
pub(super) fn is_compressed(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity")
}

/// An answer of ours that can't be written: logged, and INTERNAL.
pub(super) fn defect(error: impl std::error::Error + 'static) -> Failure {
    Refusal::internal(&error).into()
}
