//! Accepts connections one by one, each with a place (bulkhead).

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use tokio::{
    net::TcpListener,
    sync::{OwnedSemaphorePermit, Semaphore},
    time::sleep,
};

use super::{
    address::{Address, THIS_MACHINE},
    refusals::{Figures, Refusals},
    shares::{Limits, Share, Shares},
    socket::Socket,
    unix::Unix,
};

/// The backoff while there is no free descriptor: accepting again at once would spin.
const BACK_OFF: Duration = Duration::from_millis(100);

/// A bound address, and the places of its connections.
#[derive(Debug)]
pub(super) struct Gate {
    bound: Bound,
    places: Arc<Semaphore>,
    shares: Arc<Shares>,
    refusals: Refusals,
}

/// A connection's place, freed on drop.
#[derive(Debug)]
pub struct Place {
    _permit: OwnedSemaphorePermit,
    _share: Share,
}

#[derive(Debug)]
enum Bound {
    Tcp(TcpListener),
    Unix(Unix),
}

impl Gate {
    /// Listens on `address`.
    ///
    /// # Errors
    /// The address is taken, or not ours.
    pub(super) async fn bind(
        name: &'static str,
        address: &Address,
        limits: Limits,
        figures: &Figures,
    ) -> io::Result<Self> {
        let bound = match address {
            Address::Tcp(address) => Bound::Tcp(TcpListener::bind(address).await?),
            Address::Unix(path) => Bound::Unix(Unix::bind(path).await?),
        };
        let places = Arc::new(Semaphore::new(limits.places));
        let (shares, refusals) = (Shares::new(limits), Refusals::new(name, figures));
        Ok(Self { bound, places, shares, refusals })
    }

    /// The local TCP address; `None` for a Unix socket.
    pub(super) fn tcp_addr(&self) -> io::Result<Option<SocketAddr>> {
        match &self.bound {
            Bound::Tcp(socket) => socket.local_addr().map(Some),
            Bound::Unix(_) => Ok(None),
        }
    }

    /// The next connection, once there is a place for it. An error of one connection does not stop accepting others.
    /// Cancel safe.
    pub(super) async fn next(&self) -> (Socket, Place) {
        loop {
            let Ok(permit) = Arc::clone(&self.places).acquire_owned().await else {
                // Unreachable: the semaphore is never closed.
                return std::future::pending().await;
            };
            match self.bound.accept().await {
                Ok((socket, address)) => {
                    let Some(share) = self.shares.take(address) else {
                        // Closed at once: a waiting connection would take a place from others.
                        drop(socket);
                        self.refusals.count(address);
                        continue;
                    };
                    return (socket, Place { _permit: permit, _share: share });
                }
                Err(error) if is_the_connections_own(&error) => {}
                Err(error) => {
                    tracing::warn!(%error, "no more connections can be accepted for now");
                    sleep(BACK_OFF).await;
                }
            }
        }
    }
}

impl Bound {
    /// The next connection and its source.
    async fn accept(&self) -> io::Result<(Socket, IpAddr)> {
        match self {
            Self::Tcp(listener) => {
                let (socket, address) = listener.accept().await?;
                if let Err(error) = socket.set_nodelay(true) {
                    tracing::debug!(%error, "cannot set TCP_NODELAY");
                }
                Ok((Socket::Plain(socket), address.ip()))
            }
            Self::Unix(listener) => {
                let (socket, _unnamed) = listener.socket.accept().await?;
                Ok((Socket::Unix(socket), THIS_MACHINE))
            }
        }
    }
}

/// Whether an error of `accept` concerns the one connection only. Others, such as exhausted descriptors, last until
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
