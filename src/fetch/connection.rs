//! One connection for one request, to an address that has been checked.

use std::net::SocketAddr;

use http_body_util::Full;
use hyper::{
    body::Bytes,
    client::conn::http1::{Builder, SendRequest},
};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;
use tokio_util::task::AbortOnDropHandle;

use super::error::FetchError;
use crate::{
    dial,
    domain::{FetchUrl, PrivateNetworks, WithoutTls},
};

/// The most bytes of an answer that are buffered, its head among them.
const BUFFER: usize = 32 * 1024;

/// A connection. It is closed on drop.
pub(super) struct Connection {
    pub(super) sender: SendRequest<Full<Bytes>>,
    _driven: AbortOnDropHandle<()>,
}

/// Connects to the host of a URL: with TLS, or on this machine.
pub(super) async fn open(
    url: &FetchUrl,
    networks: &PrivateNetworks,
    tls: &TlsConnector,
) -> Result<Connection, FetchError> {
    let (host, addresses) = (url.host(), admitted(url, networks).await?);
    let connected = dial::race(addresses, TcpStream::connect).await;
    let stream = connected.map_err(|error| FetchError::Connect(host.to_owned(), error))?;
    if !url.has_tls() {
        return drive(stream).await;
    }
    let name = ServerName::try_from(host.to_owned())
        .map_err(|_no_name| FetchError::NoCertificate(host.to_owned()))?;
    let stream = tls.connect(name, stream).await;
    drive(stream.map_err(|error| FetchError::Tls(host.to_owned(), error))?).await
}

/// The addresses of the host that may be called. They are what is connected to: a name that resolves to another address a
/// moment later (DNS rebinding) makes no difference.
async fn admitted(
    url: &FetchUrl,
    networks: &PrivateNetworks,
) -> Result<Vec<SocketAddr>, FetchError> {
    let host = url.host().to_owned();
    let mut addresses = match dial::addresses(&host, url.port()).await {
        Ok(addresses) => addresses,
        Err(error) => return Err(FetchError::Name(host, error)),
    };
    let refused = addresses.iter().map(SocketAddr::ip).find(|address| !networks.admit(*address));
    addresses.retain(|address| networks.admit(address.ip()));
    if let (true, Some(address)) = (addresses.is_empty(), refused) {
        return Err(FetchError::Private { host, address });
    }
    if url.has_tls() {
        return Ok(addresses);
    }
    // A name can be on this machine, or in a private network, by its look alone.
    let mut all = addresses.iter().map(SocketAddr::ip);
    let refused = match url.without_tls() {
        WithoutTls::Loopback => {
            all.find(|address| !address.is_loopback()).map(FetchError::NotLoopback)
        }
        WithoutTls::Private => {
            all.find(|address| !networks.have(*address)).map(FetchError::NotPrivate)
        }
    };
    refused.map_or(Ok(addresses), Err)
}

async fn drive<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
) -> Result<Connection, FetchError> {
    let handshake = Builder::new().max_buf_size(BUFFER).handshake(TokioIo::new(stream)).await;
    let (sender, connection) = handshake.map_err(FetchError::Http)?;
    let driven = tokio::spawn(async move {
        // The request fails of what goes wrong here.
        let _ended = connection.await;
    });
    Ok(Connection { sender, _driven: AbortOnDropHandle::new(driven) })
}
