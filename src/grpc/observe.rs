//! Spans, counts, times and logs of every RPC, to its very end: a call whose caller goes away is one too.

use std::{
    any::Any,
    convert::Infallible,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll, ready},
    time::Instant,
};

use futures_util::FutureExt as _;
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
use tracing::{Instrument as _, Span};

use super::{arrival::arrived, request_info, status::internal};
use crate::{
    domain::{self, RequestId, TrustedProxies},
    edge::names,
    telemetry::{Metrics, RpcLabels, rpc_span, say_request_id},
};

/// Adds observation to a service. It is the outermost: what the layers below say is seen as callers see it.
#[derive(Debug, Clone)]
pub(super) struct ObserveLayer {
    pub(super) metrics: Metrics,
    /// Whose word counts on where a call comes from.
    pub(super) trusted_proxies: TrustedProxies,
}

impl<S> Layer<S> for ObserveLayer {
    type Service = Observe<S>;

    fn layer(&self, inner: S) -> Observe<S> {
        Observe { inner, layer: self.clone() }
    }
}

/// A service that is observed.
#[derive(Debug, Clone)]
pub(super) struct Observe<S> {
    inner: S,
    layer: ObserveLayer,
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

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let arrived = arrived(&request, &self.layer.trusted_proxies);
        let mut call = Call::begin(request.uri().path(), &arrived, self.layer.metrics.clone());
        request.extensions_mut().insert(arrived);
        let span = call.span.clone();
        // What panics must not take its caller's answer along, nor what the log says of the call.
        let called = AssertUnwindSafe(|| self.inner.call(request));
        let response = span.in_scope(|| catch_unwind(called));
        Box::pin(async move {
            let response = async move {
                let response = match response {
                    Ok(response) => AssertUnwindSafe(response).catch_unwind().await,
                    Err(panic) => Err(panic),
                };
                response.unwrap_or_else(|panic| Ok(panicked(&*panic).into_http()))
            };
            let mut response = response.instrument(span).await?;
            call.note(response.headers_mut());
            say_request_id(response.headers_mut(), &call.request_id);
            Ok(response.map(|body| Body::new(ObservedBody { body, call, is_over: false })))
        })
    }
}

pin_project! {
    /// A response body that looks at the trailers as they pass.
    struct ObservedBody {
        #[pin]
        body: Body,
        call: Call,
        // Its stream has panicked: it must not be asked again.
        is_over: bool,
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
        if *this.is_over {
            return Poll::Ready(None);
        }
        let span = this.call.span.clone();
        let _entered = span.enter();
        let polled = catch_unwind(AssertUnwindSafe(|| this.body.poll_frame(context)));
        let mut frame = ready!(polled.unwrap_or_else(|panic| {
            *this.is_over = true;
            Poll::Ready(Some(trailers(&panicked(&*panic))))
        }));
        if let Some(Ok(frame)) = &mut frame
            && let Some(trailers) = frame.trailers_mut()
        {
            this.call.note(trailers);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.is_over || self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A defect that Rust has already reported beside the log, where nothing says which call it was.
#[derive(Debug, thiserror::Error)]
#[error("a handler panicked: {0}")]
struct Panicked(String);

fn panicked(payload: &(dyn Any + Send)) -> Status {
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    internal(&Panicked(text.unwrap_or("no text").to_owned()))
}

fn trailers(status: &Status) -> Result<Frame<Bytes>, Status> {
    let mut trailers = HeaderMap::new();
    status.add_header(&mut trailers).map(|()| Frame::trailers(trailers))
}

/// One RPC, from its beginning until it is dropped.
struct Call {
    service: &'static str,
    method: &'static str,
    request_id: RequestId,
    span: Span,
    metrics: Metrics,
    begun: Instant,
    /// CANCELLED until something else is known: that is what a call is that ends before its status was sent.
    code: Code,
}

impl Call {
    fn begin(path: &str, arrived: &domain::Context, metrics: Metrics) -> Self {
        metrics.rpc_begun();
        let (service, method) = names(path);
        let request_id = arrived.request_id.clone();
        let span = rpc_span(service, method, &request_id, arrived.address);
        let (begun, code) = (Instant::now(), Code::Cancelled);
        Self { service, method, request_id, span, metrics, begun, code }
    }

    /// Looks at headers or trailers on their way out. An error's get the request id.
    fn note(&mut self, holds_status: &mut HeaderMap) {
        if let Some(status) = Status::from_header_map(holds_status) {
            self.code = status.code();
            request_info::add(&status, holds_status, &self.request_id);
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let _entered = self.span.enter();
        let (service, method) = (self.service, self.method);
        let (took, code) = (self.begun.elapsed(), code_name(self.code));
        // A number in JSON, too, where what is wider than 64 bits is a text.
        let elapsed_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
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

#[cfg(test)]
#[path = "observe_tests.rs"]
mod observe_tests;
