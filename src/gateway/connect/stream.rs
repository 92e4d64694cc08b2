//! Streams of answers.

use futures_util::{Stream, StreamExt as _, TryStreamExt as _, stream};
use http::{HeaderMap, HeaderName, Response, request::Parts};
use http_body_util::{BodyExt as _, BodyStream, StreamBody};
use hyper::body::{Bytes, Frame};
use serde_json::{Map, Value};
use tonic::Status;

use super::{codec::Codec, failure, metadata};
use crate::{
    edge::Payload,
    gateway::{
        answer, body,
        call::{Upstream, failed},
        contract::Rpc,
        envelope,
        failure::Failure,
        message,
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
    body: Result<Bytes, Failure>,
) -> Response<Payload> {
    match begin(upstream, rpc, codec, head, body).await {
        Ok(called) => {
            let (leading, body) = called.into_parts();
            let frames = envelopes(rpc, codec, body).map(|envelope| Ok(Frame::data(envelope)));
            let mut response = answer::with_type(media_type(codec), Bytes::new());
            metadata::add_leading(response.headers_mut(), &leading.headers);
            response.map(|_empty| StreamBody::new(frames).boxed_unsync())
        }
        Err(refused) => failed_at_once(codec, refused, head),
    }
}

/// The answer of a call that has failed before any message.
pub(super) fn failed_at_once(codec: Codec, refused: Failure, head: &Parts) -> Response<Payload> {
    let trailing = refused.status.metadata().clone().into_headers();
    answer::with_type(media_type(codec), end(Some(&refused.of_request(head)), &trailing))
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
    body: Result<Bytes, Failure>,
) -> Result<Response<Payload>, Failure> {
    if body::is_encoded(&head.headers, &ENCODING) {
        return Err(body::compressed());
    }
    let message = envelope::only(&body?)?;
    let response = upstream.call(rpc, head, &codec.request(rpc, &message)?).await;
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
            Ok(message) => envelope_of(rpc, codec, &message).map_err(Ended::by),
            Err(ended) => Err(ended),
        };
        Some(match next {
            Ok(envelope) => (envelope, reading),
            Err(ended) => {
                reading.frames = None;
                (end(ended.failure.as_ref(), &ended.trailing), reading)
            }
        })
    })
}

fn envelope_of(rpc: &Rpc, codec: Codec, message: &Bytes) -> Result<Bytes, Failure> {
    match codec {
        Codec::Protobuf => Ok(envelope::of(message)),
        Codec::Json => {
            let json = message::decode(&rpc.output, message);
            json.map(|json| envelope::of(&json)).map_err(body::defect)
        }
    }
}

/// The last envelope.
fn end(failure: Option<&Failure>, trailing: &HeaderMap) -> Bytes {
    let mut end = Map::new();
    end.extend(failure.map(|failure| ("error".to_owned(), failure::error(failure))));
    let metadata = metadata::as_json(trailing);
    if !metadata.is_empty() {
        end.insert("metadata".to_owned(), Value::Object(metadata));
    }
    envelope::end(Value::Object(end).to_string().as_bytes())
}

/// How a stream has ended.
struct Ended {
    failure: Option<Failure>,
    trailing: HeaderMap,
}

impl Ended {
    /// With an error that the RPC has not said.
    fn by(failure: impl Into<Failure>) -> Self {
        Self { failure: Some(failure.into()), trailing: HeaderMap::new() }
    }
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
    async fn next(&mut self) -> Option<Result<Bytes, Ended>> {
        loop {
            if let Some((_flags, message)) = envelope::take(&mut self.rest) {
                return Some(Ok(message));
            }
            let frame = match self.frames.as_mut()?.try_next().await {
                Ok(Some(frame)) => frame,
                Ok(None) => return Some(Err(Ended::by(Status::unknown("the stream broke off")))),
                Err(error) => return Some(Err(Ended::by(Status::from_error(error.into())))),
            };
            match frame.into_data() {
                Ok(data) if self.rest.is_empty() => self.rest = data,
                Ok(data) => self.rest = [&self.rest[..], &data[..]].concat().into(),
                Err(frame) => {
                    let trailing = frame.into_trailers().unwrap_or_default();
                    let failure = failed(&trailing).map(Failure::from);
                    return Some(Err(Ended { failure, trailing }));
                }
            }
        }
    }
}
