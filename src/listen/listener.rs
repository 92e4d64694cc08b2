//! The listener: accepts connections one by one, each with a place (bulkhead).

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    net::TcpListener,
    sync::{OwnedSemaphorePermit, Semaphore},
    time::sleep,
};

use super::{
    refusals::{Figures, Refusals},
    shares::{Limits, Share, Shares},
    socket::Socket,
};

/// The backoff while there is no free descriptor: accepting again at once would spin.
const BACK_OFF: Duration = Duration::from_millis(100);

/// A listener with a bounded number of places.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
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

impl Listener {
    /// Listens on `address`. While all places are taken further connections wait in the system's queue (backpressure);
    /// those beyond their source's share are closed, and counted in `figures` under `name`.
    ///
    /// # Errors
    /// The address is taken, or not ours.
    pub async fn bind(
        name: &'static str,
        address: SocketAddr,
        limits: Limits,
        figures: &Figures,
    ) -> io::Result<Self> {
        let socket = TcpListener::bind(address).await?;
        let places = Arc::new(Semaphore::new(limits.places));
        let (shares, refusals) = (Shares::new(limits), Refusals::new(name, figures));
        Ok(Self { socket, places, shares, refusals })
    }

    /// The local address.
    ///
    /// # Errors
    /// The system's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// The next connection, once there is a place for it. An error of one connection does not stop accepting others.
    pub async fn accept(&self) -> (Socket, Place) {
        loop {
            let Ok(permit) = Arc::clone(&self.places).acquire_owned().await else {
                // Unreachable: the semaphore is never closed.
                return std::future::pending().await;
            };
            match self.socket.accept().await {
                Ok((socket, address)) => {
                    let Some(share) = self.shares.take(address.ip()) else {
                        // Closed at once: a waiting connection would take a place from others.
                        drop(socket);
                        self.refusals.count(address.ip());
                        continue;
                    };
                    if let Err(error) = socket.set_nodelay(true) {
                        tracing::debug!(%error, "cannot set TCP_NODELAY");
                    }
                    return (Socket::Plain(socket), Place { _permit: permit, _share: share });
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
