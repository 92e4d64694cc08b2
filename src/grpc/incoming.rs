//! Connections below HTTP/2: the deadline of their preface, their longest lifetime, and the requests that HTTP/2
//! refuses by itself.

use std::{
    future::Future,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use futures_util::stream::{self, Stream};
use pin_project_lite::pin_project;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep},
};
use tonic::transport::server::Connected;

use super::resets::Resets;
use crate::{
    edge::Peer,
    listen::{Listener, Place, Socket},
    telemetry::Metrics,
};

/// The client's connection preface has this many bytes (RFC 9113, section 3.4).
const PREFACE_BYTES: usize = 24;

/// Never ends: accepts connections. Each lasts `longest` at the most.
pub(super) fn incoming(
    listener: Listener,
    preface_deadline: Duration,
    longest: Duration,
    metrics: Metrics,
) -> impl Stream<Item = io::Result<Connection>> {
    stream::unfold((listener, metrics), move |(mut listener, metrics)| async move {
        let (socket, place) = listener.accept().await;
        let deadline = Box::pin(sleep(preface_deadline));
        let preface = Some(Preface { missing: PREFACE_BYTES, deadline });
        let end = Box::pin(sleep(longest));
        let sent = Sent { is_http2: true, resets: Resets::default(), metrics: metrics.clone() };
        Some((Ok(Connection { socket, preface, end, sent, _place: place }), (listener, metrics)))
    })
}

/// The wait for the preface: HTTP/2's keepalive begins only after it.
struct Preface {
    missing: usize,
    deadline: Pin<Box<Sleep>>,
}

pin_project! {
    /// One connection. Its place is freed on drop.
    pub(super) struct Connection {
        #[pin]
        socket: Socket,
        preface: Option<Preface>,
        // A last resort: GOAWAY was sent long before. Polled only when the socket is idle, which happens soon enough.
        end: Pin<Box<Sleep>>,
        sent: Sent,
        _place: Place,
    }
}

/// Whether a connection that has these bytes at that place of its beginning may speak HTTP/2: no method of HTTP/1.1 begins
/// like its preface.
fn is_http2(bytes: &[u8], at: usize) -> bool {
    let expected = b"PRI".iter().skip(at);
    bytes.iter().zip(expected).all(|(sent, expected)| sent == expected)
}

/// The result for an idle socket: an error when the connection is too old, pending otherwise.
fn over<T>(end: &mut Pin<Box<Sleep>>, context: &mut Context<'_>) -> Poll<io::Result<T>> {
    ready!(end.as_mut().poll(context));
    Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
}

/// The parser of a connection's outgoing bytes, and its counters.
struct Sent {
    /// Other bytes are no frames.
    is_http2: bool,
    resets: Resets,
    metrics: Metrics,
}

impl Sent {
    /// Parses the first `bytes` bytes of the buffers: those that the socket has taken.
    fn note<'a>(&mut self, buffers: impl IntoIterator<Item = &'a [u8]>, mut bytes: usize) {
        if !self.is_http2 {
            return;
        }
        for buffer in buffers {
            let taken = &buffer[..bytes.min(buffer.len())];
            bytes -= taken.len();
            self.metrics.requests_malformed(self.resets.sent(taken));
        }
    }
}

/// tonic adds it to each request that comes over the connection.
impl Connected for Connection {
    type ConnectInfo = Peer;

    fn connect_info(&self) -> Peer {
        Peer { address: self.socket.peer(), caller: self.socket.caller() }
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.project();
        let before = buffer.filled().len();
        if let Poll::Ready(result) = this.socket.poll_read(context, buffer) {
            let read = &buffer.filled()[before..];
            if let Some(preface) = this.preface {
                // It may come in pieces.
                let at = PREFACE_BYTES - preface.missing;
                this.sent.is_http2 &= is_http2(read, at);
                preface.missing = preface.missing.saturating_sub(read.len());
                if preface.missing == 0 {
                    *this.preface = None;
                }
            }
            return Poll::Ready(result);
        }
        if let Some(preface) = this.preface {
            ready!(preface.deadline.as_mut().poll(context));
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        over(this.end, context)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.project();
        let Poll::Ready(bytes) = this.socket.poll_write(context, data)? else {
            return over(this.end, context);
        };
        this.sent.note([data], bytes);
        Poll::Ready(Ok(bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().socket.poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().socket.poll_shutdown(context)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        data: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.project();
        let Poll::Ready(bytes) = this.socket.poll_write_vectored(context, data)? else {
            return over(this.end, context);
        };
        this.sent.note(data.iter().map(|buffer| &**buffer), bytes);
        Poll::Ready(Ok(bytes))
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a connection whose bytes come in these pieces is taken for one of HTTP/2.
    fn is_taken(pieces: &[&str]) -> bool {
        let mut at = 0;
        pieces.iter().all(|piece| {
            let is_so = is_http2(piece.as_bytes(), at);
            at += piece.len();
            is_so
        })
    }

    #[test]
    fn the_version_is_that_of_the_first_bytes_in_however_many_pieces_they_come() {
        for pieces in [&["PRI * HTTP/2.0"][..], &["P", "R", "I", " *"], &["PR", "I * HTTP"], &["P"]]
        {
            assert!(is_taken(pieces), "{pieces:?}");
        }
        for pieces in [&["POST / HTTP"][..], &["P", "OST /"], &["P", "R", "OPFIND /"], &["GET /"]] {
            assert!(!is_taken(pieces), "{pieces:?}");
        }
    }
}
