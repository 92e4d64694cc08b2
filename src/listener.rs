//! Accepting connections, for both servers: how many at a time, and what if there is no room.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::sleep,
};

/// How long to wait for a free descriptor: accepting again at once would spin.
const BACK_OFF: Duration = Duration::from_millis(100);

/// A listener with a bounded number of places.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    places: Arc<Semaphore>,
}

/// A connection's place. It is free again when this is dropped.
#[derive(Debug)]
pub struct Place(#[expect(dead_code, reason = "held, not read")] OwnedSemaphorePermit);

impl Listener {
    /// Listens on `address`, for at most `places` connections at a time; the others wait in the system's queue.
    ///
    /// # Errors
    /// The address is taken, or not ours.
    pub async fn bind(address: SocketAddr, places: usize) -> io::Result<Self> {
        let socket = TcpListener::bind(address).await?;
        Ok(Self { socket, places: Arc::new(Semaphore::new(places)) })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// The system's own.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// The next connection, once there is a place for it. What goes wrong with one is no reason to stop accepting
    /// others.
    pub async fn accept(&self) -> (TcpStream, Place) {
        loop {
            let Ok(place) = Arc::clone(&self.places).acquire_owned().await else {
                // Never: nobody closes the semaphore.
                return std::future::pending().await;
            };
            match self.socket.accept().await {
                Ok((socket, _address)) => {
                    if let Err(error) = socket.set_nodelay(true) {
                        tracing::debug!(%error, "a connection keeps its delay");
                    }
                    return (socket, Place(place));
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
