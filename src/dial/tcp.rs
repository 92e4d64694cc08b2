//! TCP for clients of HTTP: hyper's own connector gives all its time to the first address of a host.

use std::{
    future::Future,
    io,
    pin::Pin,
    task::{Context, Poll},
};

use http::Uri;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower::Service;

use super::connect;

/// Connects to the host of a URL, by the first of its addresses that answers (happy eyeballs).
#[derive(Debug, Clone, Copy)]
pub struct Tcp;

impl Service<Uri> for Tcp {
    type Response = TokioIo<TcpStream>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<TokioIo<TcpStream>>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, url: Uri) -> Self::Future {
        Box::pin(async move {
            // An IPv6 address has brackets in a URL and none elsewhere.
            let host = url.host().unwrap_or_default().trim_matches(['[', ']']);
            let is_https = url.scheme_str() == Some("https");
            let port = url.port_u16().unwrap_or(if is_https { 443 } else { 80 });
            let stream = connect(host, port).await?;
            stream.set_nodelay(true)?;
            Ok(TokioIo::new(stream))
        })
    }
}

/// Connects to a URL by a connector over this one, with TLS where it has that, and ends the connection.
///
/// # Errors
/// The connector's.
pub async fn reach<C: Service<Uri>>(mut connector: C, url: Uri) -> Result<(), C::Error> {
    connector.call(url).await.map(drop)
}
