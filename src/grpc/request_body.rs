//! A request's body on its way in: how many bytes its messages have, and whether it is complete. tonic treats a truncated
//! one as empty.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use http_body::{Body as HttpBody, Frame, SizeHint};
use pin_project_lite::pin_project;
use tonic::{
    Status,
    body::Body,
    codegen::{Bytes, http::Request},
};

use super::messages::Messages;
use crate::edge::Upload;

/// The request with a watched body.
pub(super) fn watched(request: Request<Body>, upload: Upload) -> Request<Body> {
    request.map(|body| Body::new(RequestBody { body, messages: Messages::default(), upload }))
}

pin_project! {
    /// A request body that records what comes, and how it ends.
    struct RequestBody {
        #[pin]
        body: Body,
        messages: Messages,
        upload: Upload,
    }
}

impl HttpBody for RequestBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = self.project();
        let frame = ready!(this.body.poll_frame(context));
        match &frame {
            Some(Ok(frame)) => this.upload.receives(this.messages.bytes_of(frame)),
            Some(Err(_)) => this.upload.breaks_off(),
            None => {}
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
