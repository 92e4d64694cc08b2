//! The listener: connections that are ready to be served, after their TLS handshake where there is one.

use std::{io, sync::Arc, time::Duration};

use tokio::task::JoinSet;

use super::{
    address::Address,
    gate::{Gate, Place},
    handshake::{Handshakes, shake},
    refusals::Figures,
    shares::Limits,
    socket::Socket,
    tls::Tls,
};

/// A listener with a bounded number of places.
#[derive(Debug)]
pub struct Listener {
    gate: Gate,
    tls: Option<Encrypted>,
    running: JoinSet<Option<(Socket, Place)>>,
}

/// What a handshake takes.
#[derive(Debug)]
struct Encrypted {
    tls: Arc<Tls>,
    deadline: Duration,
    handshakes: Handshakes,
}

impl Listener {
    /// Listens on `address`; with `tls`, TCP connections are encrypted. While all places are taken further connections
    /// wait in the system's queue (backpressure); those beyond their source's share are closed, and counted in `figures`
    /// under `name`.
    ///
    /// # Errors
    /// The address is taken, or not ours.
    pub async fn bind(
        name: &'static str,
        address: &Address,
        tls: Option<Arc<Tls>>,
        limits: Limits,
        figures: &Figures,
    ) -> io::Result<Self> {
        let deadline = limits.handshake_deadline;
        let handshakes = || Handshakes::new(name, figures);
        let tls = tls.map(|tls| Encrypted { tls, deadline, handshakes: handshakes() });
        let gate = Gate::bind(name, address, limits, figures).await?;
        Ok(Self { gate, tls, running: JoinSet::new() })
    }

    /// The address on which it was asked to listen, with the port that the system chose.
    ///
    /// # Errors
    /// The system's.
    pub fn local_addr(&self, asked: &Address) -> io::Result<Address> {
        Ok(self.gate.tcp_addr()?.map_or_else(|| asked.clone(), Address::Tcp))
    }

    /// The next connection that is ready, once there is a place for it. Each handshake has a task of its own: one silent
    /// client blocks no others. It holds its place from the start, so that places and shares bound handshakes, too.
    pub async fn accept(&mut self) -> (Socket, Place) {
        loop {
            tokio::select! {
                (socket, place) = self.gate.next() => match (socket, &self.tls) {
                    (Socket::Plain(stream), Some(Encrypted { tls, deadline, handshakes })) => {
                        let ready = shake(stream, Arc::clone(tls), *deadline, handshakes.clone());
                        self.running.spawn(async move { Some((ready.await?, place)) });
                    }
                    (socket, _) => return (socket, place),
                },
                Some(done) = self.running.join_next() => if let Ok(Some(ready)) = done {
                    return ready;
                },
            }
        }
    }
}
