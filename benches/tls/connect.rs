//! Callers that connect, shake hands, hang up, and connect again.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::future::try_join_all;
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, rustls::ClientConfig};

use crate::certificate::Certificate;

pub(crate) struct Connecting(Arc<ClientConfig>);

impl Connecting {
    pub(crate) fn new(certificate: &Certificate) -> anyhow::Result<Self> {
        Ok(Self(certificate.client()?))
    }

    /// Connections a second with that many callers, and the milliseconds within which 99 of 100 are ready.
    pub(crate) async fn rate(
        &self,
        address: SocketAddr,
        callers: usize,
        time: Duration,
    ) -> anyhow::Result<(f64, f64)> {
        let begun = Instant::now();
        let all = (0..callers).map(|_| {
            let connector = TlsConnector::from(Arc::clone(&self.0));
            tokio::spawn(connect(connector, address, begun + time))
        });
        let mut took = Vec::new();
        for of_one in try_join_all(all).await? {
            took.extend(of_one?);
        }
        let elapsed = begun.elapsed();
        took.sort_unstable();
        let p99 = took[(took.len() - 1) * 99 / 100];
        Ok((
            f64::from(u32::try_from(took.len())?) / elapsed.as_secs_f64(),
            p99.as_secs_f64() * 1000.0,
        ))
    }
}

/// How long each connection took.
async fn connect(
    connector: TlsConnector,
    address: SocketAddr,
    until: Instant,
) -> anyhow::Result<Vec<Duration>> {
    let mut took = Vec::new();
    while Instant::now() < until {
        let begun = Instant::now();
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        // No port is left in TIME_WAIT: there are not enough of them.
        stream.set_zero_linger()?;
        let stream = connector.connect("localhost".try_into()?, stream).await?;
        took.push(begun.elapsed());
        drop(stream);
    }
    Ok(took)
}
