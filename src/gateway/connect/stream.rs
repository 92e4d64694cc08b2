//! Streams of answers.

use futures_util::{Stream, StreamExt as _, TryStreamExt as _, stream};
use http::{HeaderName, Response, request::Parts};
use http_body_util::{BodyExt as _, BodyStream, StreamBody};
use hyper::body::{Bytes, Frame};
use serde_json::json;
use tonic::Status;

use super::{codec::Codec, envelope, failure};
use crate::{
    edge::Payload,
    gateway::{
        answer, body,
        call::{Upstream, failed},
        contract::Rpc,
        failure::Failure,
        json, message,
    },
};

/// The compression of the envelopes that say to be compressed.
const ENCODING: HeaderName = HeaderName::from_static("connect-content-encoding");

/// Answers a call. The status comes last, in the stream; HTTP's is always 200.
pub(super) async fn answer(
    upstream: &Upstream,
    rpc: &'static Rpc,
    codec: Codec,
    head: &Parts,
    body: Payload,
) -> Response<Payload> {
    match begin(upstream, rpc, codec, head, body).await {
        Ok(response) => {
            let envelopes = envelopes(rpc, codec, response.into_body());
            let frames = envelopes.map(|envelope| Ok(Frame::data(envelope)));
            answer::with_type(media_type(codec), Bytes::new())
                .map(|_empty| StreamBody::new(frames).boxed_unsync())
        }
        Err(refused) => failed_at_once(codec, refused, head),
    }
}

/// The answer of a call that has failed before any message.
pub(super) fn failed_at_once(codec: Codec, refused: Failure, head: &Parts) -> Response<Payload> {
    answer::with_type(media_type(codec), end(Some(&refused.of_request(head))))
}

fn media_type(codec: Codec) -> &'static str {
    match codec {
        Codec::Json => "application/connect+json",
        Codec::Protobuf => "application/connect+proto",
    }
}

/// Calls the RPC. A status that comes at once is an error here.
async fn begin(
    upstream: &Upstream,
    rpc: &Rpc,
    codec: Codec,
    head: &Parts,
    body: Payload,
) -> Result<Response<Payload>, Failure> {
    if body::is_encoded(&head.headers, &ENCODING) {
        return Err(body::compressed());
    }
    let whole = body::read(body, upstream.max_request).await?;
    let message = envelope::only(&whole)?;
    let request = match codec {
        Codec::Protobuf => message,
        Codec::Json => message::encode(&rpc.input, &json::read(&rpc.input, &message)?)?.into(),
    };
    let response = upstream.call(rpc, head, &request).await;
    match failed(response.headers()) {
        Some(status) => Err(status.into()),
        None => Ok(response),
    }
}

/// The envelopes of a stream, and the last one with its status.
fn envelopes(rpc: &'static Rpc, codec: Codec, body: Payload) -> impl Stream<Item = Bytes> + Send {
    let read = Reading { frames: Some(BodyStream::new(body)), rest: Bytes::new() };
    stream::unfold(read, move |mut reading| async move {
        let next = match reading.next().await? {
            Ok(message) => envelope_of(rpc, codec, &message),
            Err(ended) => Err(ended),
        };
        Some(match next {
            Ok(envelope) => (envelope, reading),
            Err(ended) => {
                reading.frames = None;
                (end(ended.as_ref()), reading)
            }
        })
    })
}

fn envelope_of(rpc: &Rpc, codec: Codec, message: &Bytes) -> Result<Bytes, Option<Failure>> {
    match codec {
        Codec::Protobuf => Ok(envelope::of(message)),
        Codec::Json => {
            let json = message::decode(&rpc.output, message);
            json.map(|json| envelope::of(&json)).map_err(|error| Some(body::defect(error)))
        }
    }
}

/// The last envelope.
fn end(failure: Option<&Failure>) -> Bytes {
    let end =
        failure.map_or_else(|| json!({}), |failure| json!({ "error": failure::error(failure) }));
    envelope::end(end.to_string().as_bytes())
}

/// A stream of gRPC's, message by message.
struct Reading {
    /// `None` once it has ended.
    frames: Option<BodyStream<Payload>>,
    /// What was read of the next messages.
    rest: Bytes,
}

impl Reading {
    /// The next message, or how the stream ended; `None` after that.
    async fn next(&mut self) -> Option<Result<Bytes, Option<Failure>>> {
        loop {
            if let Some((_flags, message)) = envelope::take(&mut self.rest) {
                return Some(Ok(message));
            }
            let frame = match self.frames.as_mut()?.try_next().await {
                Ok(Some(frame)) => frame,
                Ok(None) => return Some(Err(Some(Status::unknown("the stream broke off").into()))),
                Err(error) => return Some(Err(Some(Status::from_error(error.into()).into()))),
            };
            match frame.into_data() {
                Ok(data) if self.rest.is_empty() => self.rest = data,
                Ok(data) => self.rest = [&self.rest[..], &data[..]].concat().into(),
                Err(frame) => {
                    let status = frame.trailers_ref().and_then(failed);
                    return Some(Err(status.map(Failure::from)));
                }
            }
        }
    }
}
