//! Connections, until they speak HTTP/2: how long they have for their first word.

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
    net::TcpStream,
    time::{Sleep, sleep},
};
use tonic::transport::server::{Connected, TcpConnectInfo};

use crate::listener::{Listener, Place};

/// The client's connection preface has this many bytes (RFC 9113, section 3.4).
const PREFACE_BYTES: usize = 24;

/// Accepts connections for ever.
pub(super) fn incoming(
    listener: Listener,
    preface_deadline: Duration,
) -> impl Stream<Item = io::Result<Connection>> {
    stream::unfold(listener, move |listener| async move {
        let (socket, place) = listener.accept().await;
        let deadline = Box::pin(sleep(preface_deadline));
        let preface = Some(Preface { missing: PREFACE_BYTES, deadline });
        Some((Ok(Connection { socket, preface, _place: place }), listener))
    })
}

/// The wait for the preface: HTTP/2's keepalive begins only after it.
struct Preface {
    missing: usize,
    deadline: Pin<Box<Sleep>>,
}

pin_project! {
    /// One connection. Its place is free again when it is dropped.
    pub(super) struct Connection {
        #[pin]
        socket: TcpStream,
        preface: Option<Preface>,
        _place: Place,
    }
}

impl Connected for Connection {
    type ConnectInfo = TcpConnectInfo;

    fn connect_info(&self) -> TcpConnectInfo {
        self.socket.connect_info()
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
            let read = buffer.filled().len() - before;
            if let Some(preface) = this.preface {
                preface.missing = preface.missing.saturating_sub(read);
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
        Poll::Pending
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.project().socket.poll_write(context, data)
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
        self.project().socket.poll_write_vectored(context, data)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }
}
