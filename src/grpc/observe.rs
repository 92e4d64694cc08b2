//! Observes every RPC to its end, in both bodies, headers, trailers and panics; `edge/call.rs` logs and counts it.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures_util::FutureExt as _;
use http_body::{Body as HttpBody, Frame, SizeHint};
use pin_project_lite::pin_project;
use tonic::{
    Status,
    body::Body,
    codegen::{
        Bytes,
        http::{HeaderMap, Request},
    },
};
use tracing::Instrument as _;

use super::{
    arrival::arrived,
    bounds::Bounds,
    messages::Messages,
    request_body::watched,
    request_info,
    status::{from_tonic, internal},
};
use crate::{
    domain::TrustedProxies,
    edge::{Answer, Call, Inner, Rule, ServerHeader},
    telemetry::{Metrics, say_request_id},
};

/// Observes calls. The outermost layer: it sees the answers of the others as callers do.
#[derive(Debug, Clone)]
pub(super) struct Observe {
    pub(super) metrics: Metrics,
    /// The proxies whose forwarded addresses are trusted.
    pub(super) trusted_proxies: TrustedProxies,
    pub(super) server_header: ServerHeader,
    /// What is around the handlers below it. Not a layer of its own: both need the watched body, and a call has it once.
    pub(super) bounds: Bounds,
}

impl Rule<Body> for Observe {
    fn around(&self, mut request: Request<Body>, inner: &mut impl Inner<Body>) -> Answer<Body> {
        let arrived = arrived(&request, &self.trusted_proxies);
        let (path, headers) = (request.uri().path(), request.headers());
        let mut call = Call::begin(path, headers, &arrived, self.metrics.clone());
        request.extensions_mut().insert(arrived);
        let request = watched(request, call.upload.clone());
        let (span, upload) = (call.span.clone(), call.upload.clone());
        let server_header = self.server_header;
        // A panic must cost neither the caller's answer nor the log line.
        let called = AssertUnwindSafe(|| self.bounds.around_watched(request, upload, inner));
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
            note(&mut call, response.headers_mut());
            say_request_id(response.headers_mut(), &call.request_id);
            server_header.add(response.headers_mut());
            Ok(response.map(|body| {
                let messages = Messages::default();
                Body::new(ObservedBody { body, messages, call, is_over: false })
            }))
        })
    }
}

pin_project! {
    /// A response body that observes messages and trailers.
    struct ObservedBody {
        #[pin]
        body: Body,
        messages: Messages,
        call: Call,
        // The stream has panicked: it must not be polled again.
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
        if let Some(Ok(frame)) = &mut frame {
            this.call.sends(this.messages.bytes_of(frame));
            if let Some(trailers) = frame.trailers_mut() {
                note(this.call, trailers);
            }
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

/// A panic. Rust has already reported it beside the log, without naming the call.
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

/// Observes headers or trailers on their way out. Errors get the request id.
fn note(call: &mut Call, holds_status: &mut HeaderMap) {
    if let Some(status) = Status::from_header_map(holds_status) {
        call.ends_as(from_tonic(status.code()));
        request_info::add(&status, holds_status, &call.request_id);
    }
}

#[cfg(test)]
#[path = "observe_tests.rs"]
mod observe_tests;
