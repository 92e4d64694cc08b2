//! Whether a request's body was read to its end. hyper closes a connection whose request was answered before that: the
//! answer must say so, or the client's next request goes into a closed connection (race).

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
};

use axum::{
    body::{Body, HttpBody},
    http::Request,
};
use http_body::{Frame, SizeHint};
use hyper::body::Bytes;

/// Whether a handler has read all of a body.
#[derive(Debug, Clone)]
pub(super) struct Consumed(Arc<AtomicBool>);

impl Consumed {
    /// The request with a watched body.
    pub(super) fn watch(request: Request<Body>) -> (Request<Body>, Self) {
        let consumed = Self(Arc::new(AtomicBool::new(request.body().is_end_stream())));
        let of_body = consumed.clone();
        (request.map(|body| Body::new(Watched { body, consumed: of_body })), consumed)
    }

    /// Whether it was read to its end.
    pub(super) fn is_whole(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A body that records when it has ended.
struct Watched {
    body: Body,
    consumed: Consumed,
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        if frame.is_none() || self.body.is_end_stream() {
            self.consumed.0.store(true, Ordering::Relaxed);
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
