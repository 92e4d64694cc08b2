//! The TLS handshake of one connection, within its deadline.

use std::{io, sync::Arc, time::Duration, time::Instant};

use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::TlsAcceptor;

use super::{
    refusals::Figures,
    seldom::Seldom,
    socket::Socket,
    tls::{Outcome, Outcomes, Tls},
};

/// The handshakes of one listener: all are counted, few that fail are logged. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Handshakes {
    listener: &'static str,
    outcomes: Outcomes,
    log: Arc<Seldom>,
}

impl Handshakes {
    pub(super) fn new(listener: &'static str, figures: &Figures) -> Self {
        Self { listener, outcomes: figures.tls.outcomes(listener), log: Arc::default() }
    }

    /// Counts a failure. What clients get wrong is logged now and then: otherwise it could only be seen at their side.
    /// Connections that just end are scanners, and probes of load balancers.
    fn failed(&self, stream_of: Option<io::Result<std::net::SocketAddr>>, error: &io::Error) {
        self.outcomes.count(Outcome::Failed);
        let is_of_tls = error.kind() == io::ErrorKind::InvalidData;
        if is_of_tls && let Some(failed) = self.log.count(Instant::now()) {
            let address = stream_of.and_then(Result::ok).map(|address| address.ip().to_string());
            tracing::warn!(listener = self.listener, address, %error, failed, "a TLS handshake failed");
        } else {
            tracing::debug!(listener = self.listener, %error, "a TLS handshake failed");
        }
    }
}

/// The encrypted connection; `None` if there is none within the deadline.
pub(super) async fn shake(
    stream: TcpStream,
    tls: Arc<Tls>,
    deadline: Duration,
    handshakes: Handshakes,
) -> Option<Socket> {
    let in_force = tls.in_force();
    let peer = stream.peer_addr();
    let accepted = TlsAcceptor::from(in_force.server()).accept(stream);
    let Ok(accepted) = timeout(deadline, accepted).await else {
        handshakes.outcomes.count(Outcome::TimedOut);
        return None;
    };
    // A session that a client resumes proves who it was when it began: by now its certificate may have expired.
    let checked = accepted.and_then(|stream| {
        let still = in_force.check_resumed(stream.get_ref().1);
        still.map(|()| stream).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    });
    match checked {
        Ok(stream) => {
            handshakes.outcomes.count(Outcome::Done);
            Some(Socket::Tls(Box::new(stream)))
        }
        Err(error) => {
            handshakes.failed(Some(peer), &error);
            None
        }
    }
}
