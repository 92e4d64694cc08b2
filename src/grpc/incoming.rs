//! Connections, before they speak HTTP/2: how many, how long until the first word, and what if there is no room.

use std::{
    future::Future,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use futures_util::stream::{self, Stream};
use pin_project_lite::pin_project;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Sleep, sleep},
};
use tonic::transport::server::{Connected, TcpConnectInfo};

/// The client's connection preface has this many bytes (RFC 9113, section 3.4).
const PREFACE_BYTES: usize = 24;

/// How long to wait for a free descriptor: accepting again at once would spin.
const BACK_OFF: Duration = Duration::from_millis(100);

/// Accepts connections, at most `max_connections` at a time; the others wait in the system's queue.
pub(super) fn incoming(
    listener: TcpListener,
    max_connections: usize,
    preface_deadline: Duration,
) -> impl Stream<Item = io::Result<Connection>> {
    let places = Arc::new(Semaphore::new(max_connections));
    stream::unfold((listener, places), move |(listener, places)| async move {
        let place = Arc::clone(&places).acquire_owned().await.ok()?;
        let socket = accept(&listener).await;
        let connection = Connection {
            socket,
            preface: Some(Preface {
                missing: PREFACE_BYTES,
                deadline: Box::pin(sleep(preface_deadline)),
            }),
            _place: place,
        };
        Some((Ok(connection), (listener, places)))
    })
}

/// The next connection. What goes wrong with one is no reason to stop accepting others.
async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((socket, _address)) => {
                if let Err(error) = socket.set_nodelay(true) {
                    tracing::debug!(%error, "a connection keeps its delay");
                }
                return socket;
            }
            Err(error) if is_the_connections_own(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "no more connections can be accepted for now");
                sleep(BACK_OFF).await;
            }
        }
    }
}

/// Whether an error of `accept` is about the one connection only. Others, such as used-up descriptors, go on until
/// something is freed.
fn is_the_connections_own(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
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
        _place: OwnedSemaphorePermit,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn used_up_descriptors_are_waited_for_and_broken_connections_are_not() {
        let (emfile, enfile, aborted) = (24, 23, 103);
        assert!(!is_the_connections_own(&io::Error::from_raw_os_error(emfile)));
        assert!(!is_the_connections_own(&io::Error::from_raw_os_error(enfile)));
        assert!(is_the_connections_own(&io::Error::from_raw_os_error(aborted)));
    }
}
