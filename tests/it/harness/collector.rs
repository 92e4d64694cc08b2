//! An OpenTelemetry collector, in this process. It reads requests with the code that OpenTelemetry publishes.

use std::{
    io::Read as _,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use flate2::read::GzDecoder;
use http::HeaderMap;
use http_body_util::{BodyExt as _, Full};
use hyper::{
    Request, Response,
    body::{Bytes, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use opentelemetry_proto::tonic::{
    collector::trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
    common::v1::{KeyValue, any_value::Value},
    trace::v1::Span,
};
use prost::Message as _;
use tokio::{
    net::TcpListener,
    runtime::{Builder, Runtime},
};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Status, codec::CompressionEncoding};

use super::eventually;

/// What has come.
#[derive(Debug, Default)]
struct Taken {
    requests: Vec<(HeaderMap, ExportTraceServiceRequest)>,
    /// The next answers: statuses of HTTP, or codes of gRPC; then all is accepted.
    answers: Vec<u16>,
}

/// The collector. It ends when this is dropped, with all its connections.
#[derive(Debug)]
pub struct Collector {
    pub address: SocketAddr,
    taken: Arc<Mutex<Taken>>,
    /// Of its own: its end closes the connections.
    runtime: Option<Runtime>,
}

impl Collector {
    /// Takes OTLP over gRPC.
    pub fn grpc() -> Self {
        Self::grpc_at(SocketAddr::from(([127, 0, 0, 1], 0)))
    }

    /// The same at an address.
    pub fn grpc_at(address: SocketAddr) -> Self {
        Self::start(address, |listener, taken| async move {
            let service = TraceServiceServer::new(Shared(taken));
            let service = service.accept_compressed(CompressionEncoding::Gzip);
            let server = tonic::transport::Server::builder().add_service(service);
            server.serve_with_incoming(TcpListenerStream::new(listener)).await.unwrap();
        })
    }

    /// Takes OTLP over HTTP.
    pub fn http() -> Self {
        Self::start(SocketAddr::from(([127, 0, 0, 1], 0)), |listener, taken| async move {
            while let Ok((stream, _)) = listener.accept().await {
                let taken = Arc::clone(&taken);
                let answer = service_fn(move |request| take(Arc::clone(&taken), request));
                let connection =
                    http1::Builder::new().serve_connection(TokioIo::new(stream), answer);
                // What goes wrong is the client's to notice.
                tokio::spawn(async { drop(connection.await) });
            }
        })
    }

    fn start<F>(
        address: SocketAddr,
        serve: impl FnOnce(TcpListener, Arc<Mutex<Taken>>) -> F,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = std::net::TcpListener::bind(address).unwrap();
        listener.set_nonblocking(true).unwrap();
        let (address, taken) = (listener.local_addr().unwrap(), Arc::<Mutex<Taken>>::default());
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let entered = runtime.enter();
        let listener = TcpListener::from_std(listener).unwrap();
        runtime.spawn(serve(listener, Arc::clone(&taken)));
        drop(entered);
        Self { address, taken, runtime: Some(runtime) }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The next requests get these answers.
    pub fn answer_with(&self, answers: &[u16]) {
        self.taken.lock().unwrap().answers = answers.to_vec();
    }

    /// All that was accepted.
    pub fn requests(&self) -> Vec<(HeaderMap, ExportTraceServiceRequest)> {
        self.taken.lock().unwrap().requests.clone()
    }

    /// All spans that were accepted.
    pub fn spans(&self) -> Vec<Span> {
        let requests = self.requests().into_iter();
        let resources = requests.flat_map(|(_, request)| request.resource_spans);
        resources.flat_map(|of| of.scope_spans).flat_map(|of| of.spans).collect()
    }

    /// Waits for a span of that name.
    pub async fn wait_for(&self, name: &str) -> Span {
        let find = || self.spans().into_iter().find(|span| span.name == name);
        eventually(name, async || find().is_some()).await;
        find().unwrap()
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// The text of an attribute; numbers in decimals.
pub fn attribute(attributes: &[KeyValue], key: &str) -> Option<String> {
    let found = attributes.iter().find(|attribute| attribute.key == key)?;
    match found.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some(text.clone()),
        Value::IntValue(number) => Some(number.to_string()),
        other @ (Value::BoolValue(_)
        | Value::DoubleValue(_)
        | Value::ArrayValue(_)
        | Value::KvlistValue(_)
        | Value::BytesValue(_)
        | Value::StringValueStrindex(_)) => panic!("{key} is {other:?}"),
    }
}

struct Shared(Arc<Mutex<Taken>>);

#[tonic::async_trait]
impl TraceService for Shared {
    async fn export(
        &self,
        request: tonic::Request<ExportTraceServiceRequest>,
    ) -> Result<tonic::Response<ExportTraceServiceResponse>, Status> {
        let (metadata, _, request) = request.into_parts();
        match accept(&self.0, metadata.into_headers(), request) {
            None => Ok(tonic::Response::new(ExportTraceServiceResponse::default())),
            Some(code) => Err(Status::new(i32::from(code).into(), "not now")),
        }
    }
}

/// Keeps a request, unless it is to get another answer.
fn accept(
    taken: &Mutex<Taken>,
    headers: HeaderMap,
    request: ExportTraceServiceRequest,
) -> Option<u16> {
    let mut taken = taken.lock().unwrap();
    if taken.answers.is_empty() {
        taken.requests.push((headers, request));
        return None;
    }
    Some(taken.answers.remove(0))
}

async fn take(
    taken: Arc<Mutex<Taken>>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let (head, body) = request.into_parts();
    let mut body = body.collect().await?.to_bytes().to_vec();
    if head.headers.get("content-encoding").is_some_and(|encoding| encoding == "gzip") {
        let mut plain = Vec::new();
        GzDecoder::new(&body[..]).read_to_end(&mut plain).unwrap();
        body = plain;
    }
    let is_right =
        head.uri.path() == "/v1/traces" && head.headers["content-type"] == "application/x-protobuf";
    assert!(is_right, "{head:?}");
    let request = ExportTraceServiceRequest::decode(&body[..]).unwrap();
    let mut answer = Response::new(Full::default());
    if let Some(status) = accept(&taken, head.headers, request) {
        *answer.status_mut() = status.try_into().unwrap();
    }
    Ok(answer)
}
