//! The suite's service. It is written by hand: the generated code of tonic has no place for trailers of a call that succeeds.

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use http::{Request, Response};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{
    Status, Streaming,
    body::Body,
    codec::CompressionEncoding,
    server::{Grpc, NamedService, ServerStreamingService, StreamingService},
};
use tonic_prost::ProstCodec;
use tower::Service;

use crate::{
    conversation::{Conversation, Definition, any},
    messages::{Answer, BidiStreamRequest, ServerStreamRequest, UnaryRequest},
};

/// The service.
#[derive(Debug, Clone)]
pub(crate) struct Conformance {
    max_request: usize,
}

impl NamedService for Conformance {
    const NAME: &'static str = "connectrpc.conformance.v1.ConformanceService";
}

type Answers = ReceiverStream<Result<Answer, Status>>;
type Pending<T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send>>;

impl Conformance {
    pub(crate) fn new(max_request: usize) -> Self {
        Self { max_request }
    }

    fn grpc<Asked: prost::Message + Default + 'static>(&self) -> Grpc<ProstCodec<Answer, Asked>> {
        Grpc::new(ProstCodec::default())
            .max_decoding_message_size(self.max_request)
            .accept_compressed(CompressionEncoding::Gzip)
    }
}

impl Service<Request<Body>> for Conformance {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pending<Response<Body>, Infallible>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let service = self.clone();
        Box::pin(async move {
            let rpc = request.uri().path().rsplit('/').next().unwrap_or_default().to_owned();
            Ok(match rpc.as_str() {
                "Unary" => {
                    service
                        .grpc::<UnaryRequest>()
                        .server_streaming(One("UnaryRequest"), request)
                        .await
                }
                "IdempotentUnary" => {
                    let one = One("IdempotentUnaryRequest");
                    service.grpc::<UnaryRequest>().server_streaming(one, request).await
                }
                "ServerStream" => {
                    let one = One("ServerStreamRequest");
                    service.grpc::<ServerStreamRequest>().server_streaming(one, request).await
                }
                "ClientStream" => {
                    let many = Many("ClientStreamRequest");
                    service.grpc::<UnaryRequest>().streaming(many, request).await
                }
                "BidiStream" => {
                    let many = Many("BidiStreamRequest");
                    service.grpc::<BidiStreamRequest>().streaming(many, request).await
                }
                _ => Status::unimplemented("").into_http(),
            })
        })
    }
}

/// An RPC with one request, of the type of that name.
struct One(&'static str);

impl<Asked> ServerStreamingService<Asked> for One
where
    Asked: prost::Message + Clone + Into<Definition>,
{
    type Response = Answer;
    type ResponseStream = Answers;
    type Future = Pending<tonic::Response<Answers>, Status>;

    fn call(&mut self, request: tonic::Request<Asked>) -> Self::Future {
        let (head, _, request) = request.into_parts();
        let asked = any(self.0, &request);
        let definition: Definition = request.into();
        let (response, answers) = begin(&definition);
        let mut conversation = Conversation::new(definition, &head, answers);
        conversation.hear(asked);
        tokio::spawn(conversation.end());
        Box::pin(async { Ok(response) })
    }
}

/// An RPC with a stream of requests of the type of that name.
struct Many(&'static str);

impl<Asked> StreamingService<Asked> for Many
where
    Asked: prost::Message + Clone + Default + Into<Definition> + 'static,
{
    type Response = Answer;
    type ResponseStream = Answers;
    type Future = Pending<tonic::Response<Answers>, Status>;

    fn call(&mut self, request: tonic::Request<Streaming<Asked>>) -> Self::Future {
        let name = self.0;
        Box::pin(async move {
            let (head, _, mut requests) = request.into_parts();
            // The first one says what to answer.
            let first = requests.message().await?;
            let definition: Definition = first.clone().unwrap_or_default().into();
            let (full_duplex, (response, answers)) = (definition.full_duplex, begin(&definition));
            let mut conversation = Conversation::new(definition, &head, answers);
            first.iter().for_each(|first| conversation.hear(any(name, first)));
            if full_duplex {
                tokio::spawn(take_turns(conversation, requests, name));
                return Ok(response);
            }
            while let Some(request) = requests.message().await? {
                conversation.hear(any(name, &request));
            }
            tokio::spawn(conversation.end());
            Ok(response)
        })
    }
}

/// An answer for each request.
async fn take_turns<Asked: prost::Message>(
    mut conversation: Conversation,
    mut requests: Streaming<Asked>,
    name: &str,
) {
    while conversation.has_more() {
        conversation.say().await;
        match requests.message().await {
            Ok(Some(request)) => conversation.hear(any(name, &request)),
            Ok(None) => break,
            Err(status) => return conversation.fail(status).await,
        }
    }
    conversation.end().await;
}

/// The response whose stream has what is sent.
fn begin(
    definition: &Definition,
) -> (tonic::Response<Answers>, mpsc::Sender<Result<Answer, Status>>) {
    let (answers, received) = mpsc::channel(1);
    let mut response = tonic::Response::new(ReceiverStream::new(received));
    *response.metadata_mut() = definition.leading();
    (response, answers)
}
