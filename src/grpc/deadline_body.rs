//! Ends a stream at its caller's deadline. tonic applies that only until the stream begins.

use std::{
    future::Future as _,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http_body::{Body as HttpBody, Frame, SizeHint};
use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep_until};
use tonic::{
    Status,
    body::Body,
    codegen::{Bytes, http::HeaderMap},
};

use super::status::deadline_exceeded;

pin_project! {
    /// A response body that ends with DEADLINE_EXCEEDED at the deadline.
    pub(super) struct DeadlineBody {
        #[pin]
        body: Body,
        #[pin]
        deadline: Sleep,
        is_over: bool,
    }
}

impl DeadlineBody {
    pub(super) fn new(body: Body, deadline: Instant) -> Self {
        Self { body, deadline: sleep_until(deadline), is_over: false }
    }
}

impl HttpBody for DeadlineBody {
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
        // Before the body: an endless one must end, too.
        if this.deadline.poll(context).is_pending() {
            return Poll::Ready(ready!(this.body.poll_frame(context)));
        }
        *this.is_over = true;
        let mut trailers = HeaderMap::new();
        Poll::Ready(Some(
            deadline_exceeded().add_header(&mut trailers).map(|()| Frame::trailers(trailers)),
        ))
    }

    fn is_end_stream(&self) -> bool {
        self.is_over || self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
