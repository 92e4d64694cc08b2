//! A tonic server with nothing of ours: accept, shake hands, serve.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures_util::stream;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tonic::transport::{Server, server::Connected};

use crate::certificate::Certificate;

pub(crate) struct Bare {
    pub(crate) address: SocketAddr,
}

impl Bare {
    pub(crate) async fn start(certificate: &Certificate) -> anyhow::Result<Self> {
        let acceptor = TlsAcceptor::from(Arc::new(certificate.bare()?));
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (ready, connections) = mpsc::channel(1024);
        tokio::spawn(accept(listener, acceptor, ready));
        let incoming = stream::unfold(connections, |mut connections| async move {
            let stream = Stream(connections.recv().await?);
            Some((Ok::<_, io::Error>(stream), connections))
        });
        let (_reporter, health) = tonic_health::server::health_reporter();
        tokio::spawn(Server::builder().add_service(health).serve_with_incoming(incoming));
        Ok(Self { address })
    }
}

async fn accept(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    ready: mpsc::Sender<TlsStream<TcpStream>>,
) {
    while let Ok((stream, _)) = listener.accept().await {
        let (acceptor, ready) = (acceptor.clone(), ready.clone());
        let _nodelay = stream.set_nodelay(true);
        tokio::spawn(async move {
            if let Ok(stream) = acceptor.accept(stream).await {
                let _served = ready.send(stream).await;
            }
        });
    }
}

/// tonic's own for TLS comes with a second way to configure it.
struct Stream(TlsStream<TcpStream>);

impl Connected for Stream {
    type ConnectInfo = ();

    fn connect_info(&self) {}
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
