//! Whether a request's body is complete. tonic treats a truncated one as empty.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
};

use http_body::{Body as HttpBody, Frame, SizeHint};
use pin_project_lite::pin_project;
use tonic::{
    Status,
    body::Body,
    codegen::{Bytes, http::Request},
};

/// The end of a body that another task reads.
#[derive(Debug, Clone, Default)]
pub(super) struct Upload(Arc<AtomicBool>);

impl Upload {
    /// The request with a watched body.
    pub(super) fn watch(request: Request<Body>) -> (Request<Body>, Self) {
        let upload = Self::default();
        let broke_off = upload.clone();
        (request.map(|body| Body::new(RequestBody { body, broke_off })), upload)
    }

    /// Whether the caller reset the stream, or the connection ended, before the body was complete.
    pub(super) fn broke_off(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

pin_project! {
    /// A request body that records how it ends.
    struct RequestBody {
        #[pin]
        body: Body,
        broke_off: Upload,
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
        if let Some(Err(_)) = frame {
            this.broke_off.0.store(true, Ordering::Relaxed);
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
