//! Requests with a body of bytes, and answers that may be streams.

use std::net::SocketAddr;

use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::{
    body::{Bytes, Incoming},
    client::conn::http1,
};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::harness::soon;

/// A request with these headers.
pub fn request(
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: impl Into<Bytes>,
) -> Request<Full<Bytes>> {
    let request = Request::builder().method(method).uri(path).header("host", "localhost");
    let add = |request: http::request::Builder, (name, value): &(&str, &str)| {
        request.header(*name, *value)
    };
    headers.iter().fold(request, add).body(Full::new(body.into())).unwrap()
}

/// Sends a request on a connection of its own, and reads the head of the answer.
pub async fn begin(address: SocketAddr, request: Request<Full<Bytes>>) -> Response<Incoming> {
    let socket = TcpStream::connect(address).await.unwrap();
    let (mut sender, connection) = http1::handshake(TokioIo::new(socket)).await.unwrap();
    tokio::spawn(connection);
    soon("an answer", sender.send_request(request)).await.unwrap()
}

/// An answer, once all of it is there.
#[derive(Debug)]
pub struct Whole {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Whole {
    /// A header that comes once; empty if it does not.
    pub fn header(&self, name: &str) -> &str {
        let values: Vec<_> = self.headers.get_all(name).iter().collect();
        assert!(values.len() <= 1, "{name}: {values:?}");
        values.first().map_or("", |value| value.to_str().unwrap())
    }
}

/// Sends a request, and reads all of the answer.
pub async fn exchange(address: SocketAddr, request: Request<Full<Bytes>>) -> Whole {
    let (head, body) = begin(address, request).await.into_parts();
    let body = soon("the body", body.collect()).await.unwrap().to_bytes();
    Whole { status: head.status.as_u16(), headers: head.headers, body }
}

/// A message in the framing of gRPC and Connect.
pub fn framed(flags: u8, message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    [&[flags], &length[..], message].concat()
}

/// The first frame, if all of it is there.
pub fn take_frame(bytes: &mut Bytes) -> Option<(u8, Bytes)> {
    let (head, rest) = bytes.split_first_chunk::<5>()?;
    let [flags, length @ ..] = *head;
    let length = usize::try_from(u32::from_be_bytes(length)).unwrap();
    if rest.len() < length {
        return None;
    }
    let mut frame = bytes.split_to(5 + length);
    Some((flags, frame.split_off(5)))
}
