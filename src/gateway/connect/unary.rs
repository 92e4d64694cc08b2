//! Unary calls.

use std::collections::HashMap;

use base64::{
    Engine as _,
    alphabet::URL_SAFE,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use http::{Response, request::Parts};
use hyper::body::Bytes;
use url::form_urlencoded;

use super::{codec::Codec, failure, metadata};
use crate::{
    domain::InvalidField,
    edge::Payload,
    gateway::{
        answer, body, call::Upstream, contract::Rpc, failure::Failure, json::shown, message,
    },
};

/// "URL-safe, padding optional".
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// By POST, with the message in the body.
pub(super) async fn post(
    upstream: &Upstream,
    rpc: &Rpc,
    codec: Codec,
    head: &Parts,
    body: Result<Bytes, Failure>,
) -> Result<Response<Payload>, Failure> {
    if body::is_compressed(&head.headers) {
        return Err(body::compressed());
    }
    call(upstream, rpc, codec, head, &body?).await
}

/// By GET, with the message in the query: `?encoding=json&message={}`.
pub(super) async fn get(
    upstream: &Upstream,
    rpc: &Rpc,
    head: &Parts,
) -> Result<Response<Payload>, Failure> {
    let query = head.uri.query().unwrap_or_default();
    let refused = |name, problem: &str| Failure::from(InvalidField::new(name, problem));
    let mut values = HashMap::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        if values.insert(name.clone(), value).is_some() {
            return Err(InvalidField::new(shown(&name), "must not be there twice").into());
        }
    }
    let value = |name: &str| values.get(name).map(AsRef::as_ref);
    if value("connect").is_some_and(|version| version != "v1") {
        return Err(refused("connect", "must be v1"));
    }
    let codec = value("encoding").and_then(Codec::of);
    let codec = codec.ok_or_else(|| refused("encoding", "must be json or proto"))?;
    let message = value("message").ok_or_else(|| refused("message", "must be there"))?;
    let message = match value("base64") {
        None | Some("0") => message.as_bytes().to_vec(),
        Some("1") => BASE64
            .decode(message)
            .map_err(|_bad| refused("message", "must be base64 as URLs have it"))?,
        Some(_) => return Err(refused("base64", "must be 1 or absent")),
    };
    if value("compression").is_some_and(|name| name != "identity") {
        return Err(body::compressed());
    }
    call(upstream, rpc, codec, head, &message).await
}

async fn call(
    upstream: &Upstream,
    rpc: &Rpc,
    codec: Codec,
    head: &Parts,
    message: &[u8],
) -> Result<Response<Payload>, Failure> {
    let request = codec.request(rpc, message)?;
    let answered = upstream.unary(rpc, head, &request).await;
    let mut response = match answered.message {
        Ok(message) => answer(rpc, codec, message)?,
        Err(status) => failure::unary(status.into(), head),
    };
    metadata::add(response.headers_mut(), &answered.leading, &answered.trailing);
    Ok(response)
}

fn answer(rpc: &Rpc, codec: Codec, message: Bytes) -> Result<Response<Payload>, Failure> {
    match codec {
        Codec::Protobuf => Ok(answer::with_type("application/proto", message)),
        Codec::Json => {
            Ok(answer::json(message::decode(&rpc.output, &message).map_err(body::defect)?))
        }
    }
}
