//! Errors as Connect has them ("Error Codes" and "Error End-Stream" of its protocol).

use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use http::{Response, request::Parts};
use prost::Message as _;
use serde_json::{Value, json};
use tonic_types::pb;

use crate::{
    edge::Payload,
    gateway::{answer, failure::Failure},
    grpc::from_tonic,
};

/// The answer of a unary call.
pub(super) fn unary(failure: Failure, head: &Parts) -> Response<Payload> {
    let failure = failure.of_request(head);
    let mut response = answer::json(error(&failure).to_string().into_bytes());
    failure.head(&mut response, &head.headers);
    response
}

/// The error as JSON.
pub(super) fn error(failure: &Failure) -> Value {
    // What we have encoded ourselves can be decoded.
    let whole = pb::Status::decode(failure.whole().as_slice()).unwrap_or_default();
    let code = match from_tonic(failure.status.code()).name() {
        // The one code that Connect spells in another way.
        "CANCELLED" => "canceled".to_owned(),
        name => name.to_ascii_lowercase(),
    };
    let details = whole.details.into_iter().map(|detail| {
        let name = detail.type_url.rsplit('/').next().unwrap_or_default();
        json!({ "type": name, "value": STANDARD_NO_PAD.encode(detail.value) })
    });
    json!({ "code": code, "message": failure.status.message(), "details": details.collect::<Vec<_>>() })
}
