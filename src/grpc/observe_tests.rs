//! Defects that only a test can cause.

use std::{
    convert::Infallible,
    future::Future,
    io,
    sync::{Arc, Mutex},
};

use http_body_util::BodyExt as _;
use serde_json::Value;
use tonic::{Code, codegen::http::Response};
use tonic_types::StatusExt as _;
use tower::{Layer as _, Service};
use tracing::subscriber::with_default;

use super::*;
use crate::edge::{Deadlines, Ruled};

/// The place of the panic.
#[derive(Clone, Copy, PartialEq)]
enum Panics {
    BeforeTheHandler,
    InTheHandler,
    InTheStream,
}

impl Service<Request<Body>> for Panics {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _request: Request<Body>) -> Self::Future {
        let where_it_panics = *self;
        assert!(where_it_panics != Self::BeforeTheHandler, "the {} is gone", "layer");
        Box::pin(async move {
            assert!(where_it_panics == Self::InTheStream, "the {} is gone", "store");
            Ok(Response::new(Body::new(Broken)))
        })
    }
}

/// A body that panics on every poll.
struct Broken;

impl HttpBody for Broken {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        panic!("the stream is gone")
    }
}

/// A log in memory.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Lines {
    fn all(&self) -> Vec<Value> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// Makes a call; returns the answer's headers and the log lines.
fn call(service: Panics) -> (HeaderMap, Vec<Value>) {
    let lines = Lines::default();
    let written = lines.clone();
    let log =
        tracing_subscriber::fmt().json().flatten_event(true).with_writer(move || written.clone());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let head = with_default(log.finish(), || {
        runtime.block_on(async {
            let metrics = Metrics::new(|_none| {});
            let deadlines = Deadlines { max: std::time::Duration::from_secs(30) };
            let bounds = Bounds { deadlines, max_request: 1024, max_head: 1024 };
            let trusted_proxies = TrustedProxies::default();
            let server_header = ServerHeader::On;
            let rule = Observe { metrics, trusted_proxies, server_header, bounds };
            let request = Request::post("/auth.v1.AuthService/Login")
                .header("content-type", "application/grpc")
                .header("x-request-id", "edge-1");
            let request = request.body(Body::default()).unwrap();
            let (head, body) = Ruled(rule).layer(service).call(request).await.unwrap().into_parts();
            let trailers = body.collect().await.unwrap().trailers().cloned();
            let mut all = head.headers;
            all.extend(trailers.unwrap_or_default());
            all
        })
    });
    (head, lines.all())
}

#[test]
fn a_panic_is_an_internal_error_that_names_its_call_and_tells_the_caller_nothing() {
    for (service, text) in [
        (Panics::BeforeTheHandler, "the layer is gone"),
        (Panics::InTheHandler, "the store is gone"),
        (Panics::InTheStream, "the stream is gone"),
    ] {
        let (head, lines) = call(service);
        assert_eq!(head["x-request-id"], "edge-1");
        assert_eq!(head["server"], concat!("countersign/", env!("CARGO_PKG_VERSION")));
        let status = Status::from_header_map(&head).unwrap();
        assert_eq!((status.code(), status.message()), (Code::Internal, "internal error"));
        assert_eq!(status.get_details_request_info().unwrap().request_id, "edge-1");
        let [error, rpc] = &lines[..] else { panic!("{lines:?}") };
        assert_eq!(error["message"], "internal error");
        assert_eq!(error["error"], format!("a handler panicked: {text}"));
        assert_eq!((&rpc["message"], &rpc["code"]), (&"rpc".into(), &"INTERNAL".into()));
        for line in [error, rpc] {
            assert_eq!(line["spans"][0]["request_id"], "edge-1");
            assert_eq!(line["spans"][0]["method"], "Login");
        }
    }
}
