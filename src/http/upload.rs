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

/// The end of a body that a handler reads.
#[derive(Debug, Clone)]
pub(super) struct Upload(Arc<AtomicBool>);

impl Upload {
    /// The request with a watched body.
    pub(super) fn watch(request: Request<Body>) -> (Request<Body>, Self) {
        let upload = Self(Arc::new(AtomicBool::new(request.body().is_end_stream())));
        let is_read = upload.clone();
        (request.map(|body| Body::new(Watched { body, is_read })), upload)
    }

    /// Whether all of it was read.
    pub(super) fn is_read(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A body that records when it has ended.
struct Watched {
    body: Body,
    is_read: Upload,
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
            self.is_read.0.store(true, Ordering::Relaxed);
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
