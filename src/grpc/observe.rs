//! Counts, times and logs every RPC, to its very end: a call whose caller goes away is one too.

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Instant,
};

use http_body::{Body as HttpBody, Frame, SizeHint};
use pin_project_lite::pin_project;
use tonic::{
    Code, Status,
    body::Body,
    codegen::{
        Bytes,
        http::{HeaderMap, Request, Response},
    },
};
use tower::{Layer, Service};

use super::access::is_known;
use crate::telemetry::{Metrics, RpcLabels};

/// Adds observation to a service.
#[derive(Debug, Clone)]
pub(super) struct ObserveLayer(pub(super) Metrics);

impl<S> Layer<S> for ObserveLayer {
    type Service = Observe<S>;

    fn layer(&self, inner: S) -> Observe<S> {
        Observe { inner, metrics: self.0.clone() }
    }
}

/// A service that is observed.
#[derive(Debug, Clone)]
pub(super) struct Observe<S> {
    inner: S,
    metrics: Metrics,
}

impl<S> Service<Request<Body>> for Observe<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Send,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let mut call = Call::begin(request.uri().path(), self.metrics.clone());
        let response = self.inner.call(request);
        Box::pin(async move {
            let response = response.await?;
            call.note(response.headers());
            Ok(response.map(|body| Body::new(ObservedBody { body, call })))
        })
    }
}

pin_project! {
    /// A response body that looks at the trailers as they pass.
    struct ObservedBody {
        #[pin]
        body: Body,
        call: Call,
    }
}

impl HttpBody for ObservedBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = self.project();
        let frame = ready!(this.body.poll_frame(context));
        if let Some(Ok(trailers)) =
            frame.as_ref().map(|frame| frame.as_ref().map(Frame::trailers_ref))
            && let Some(trailers) = trailers
        {
            this.call.note(trailers);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// One RPC, from its beginning until it is dropped.
struct Call {
    path: Box<str>,
    metrics: Metrics,
    begun: Instant,
    /// CANCELLED until something else is known: that is what a call is that ends before its status was sent.
    code: Code,
}

impl Call {
    fn begin(path: &str, metrics: Metrics) -> Self {
        metrics.rpc_begun();
        Self { path: path.into(), metrics, begun: Instant::now(), code: Code::Cancelled }
    }

    fn note(&mut self, headers: &HeaderMap) {
        if let Some(status) = Status::from_header_map(headers) {
            self.code = status.code();
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        // Paths that do not exist are a caller's to invent: they must not become series.
        let path = if is_known(&self.path) { &*self.path } else { "/unknown/unknown" };
        let (service, method) = path.trim_start_matches('/').split_once('/').unwrap_or((path, ""));
        let (took, code) = (self.begun.elapsed(), code_name(self.code));
        let elapsed_ms = took.as_millis();
        if service.starts_with("auth.") {
            tracing::info!(target: "countersign::rpc", service, method, code, elapsed_ms, "rpc");
        } else {
            tracing::debug!(target: "countersign::rpc", service, method, code, elapsed_ms, "rpc");
        }
        let labels = RpcLabels { grpc_service: service.to_owned(), grpc_method: method.to_owned() };
        self.metrics.rpc_ended(labels, code, took);
    }
}

/// The name of a code, as the specification spells it.
fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}
