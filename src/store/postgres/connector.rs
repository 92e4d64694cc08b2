//! Opens new connections: chooses the server and its address, and checks that it takes writes.

use std::{
    collections::VecDeque,
    fmt,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use futures_util::{StreamExt as _, stream::FuturesUnordered};
use sqlx::{
    Connection as _, PgConnection,
    postgres::{PgConnectOptions, PgSslMode},
};
use tokio::time::{Instant, sleep, timeout};

use super::{
    pins,
    server::{self, Server},
    url::{ConnectionString, TargetSessionAttrs},
};
use crate::store::{Error, Result};

/// Timeout of one attempt, unless the URL sets a shorter one (`connect_timeout`).
const ATTEMPT: Duration = Duration::from_secs(2);

/// How long an unanswered attempt runs alone before the next one begins beside it (happy eyeballs: RFC 8305, section 8,
/// "Connection Attempt Delay").
const HEAD_START: Duration = Duration::from_millis(250);

/// A connection, ready for use.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) connection: PgConnection,
    pub(super) server: Server,
    /// The server was asked and had answered at these times.
    pub(super) asked: (Instant, Instant),
}

/// Opens connections. Its `Debug` hides the password, which sqlx shows.
pub(super) struct Connector {
    hosts: Vec<PgConnectOptions>,
    is_pinned: bool,
    target: TargetSessionAttrs,
    /// Timeout of one attempt: name resolution, TCP, TLS, login, and the queries after it.
    patience: Duration,
    /// The host that was right last time: tried first.
    last: AtomicUsize,
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hosts: Vec<_> = self.hosts.iter().map(PgConnectOptions::get_host).collect();
        f.debug_struct("Connector").field("hosts", &hosts).finish_non_exhaustive()
    }
}

/// The server answers, and does not take writes.
#[derive(Debug, thiserror::Error)]
#[error("the server takes no writes: it is a standby, or was made read-only")]
pub(super) struct ReadOnly;

/// A server, or an address, that does not answer.
#[derive(Debug, thiserror::Error)]
#[error("the server does not answer in time")]
struct Silent;

impl Connector {
    pub(super) fn new(url: ConnectionString) -> Self {
        let patience = url.connect_timeout.map_or(ATTEMPT, |limit| limit.min(ATTEMPT));
        let is_pinned = url.hosts.iter().all(pins::is_pinned);
        Self {
            hosts: url.hosts,
            is_pinned,
            target: url.target,
            patience,
            last: AtomicUsize::new(0),
        }
    }

    /// The options for the server that was right last time.
    pub(super) fn current(&self) -> PgConnectOptions {
        let last = self.hosts.get(self.last.load(Ordering::Relaxed));
        // Never empty.
        last.or(self.hosts.first()).cloned().unwrap_or_default()
    }

    /// Whether the sessions of its connections have our settings.
    pub(super) fn is_pinned(&self) -> bool {
        self.is_pinned
    }

    /// Connects to the first suitable server in order. A silent one does not hold up the next, nor does a silent address:
    /// the others are tried in parallel.
    ///
    /// # Errors
    /// The last error of a server that answered.
    pub(super) async fn open(&self) -> Result<Opened> {
        let mut untried: VecDeque<_> = self.in_order().collect();
        let (mut attempts, mut addresses_tried) = (FuturesUnordered::new(), false);
        let mut failure = None;
        loop {
            if let Some((host, options)) = untried.pop_front() {
                attempts.push(self.attempt(host, options));
            } else if attempts.is_empty() {
                return Err(failure.unwrap_or_else(|| Error::Unavailable(Silent.into())));
            }
            let waits = !untried.is_empty() || !addresses_tried;
            tokio::select! {
                Some(attempt) = attempts.next() => match attempt {
                    Ok((host, opened)) => {
                        self.last.store(host, Ordering::Relaxed);
                        return Ok(opened);
                    }
                    Err(error) => failure = Some(error),
                },
                () = sleep(HEAD_START), if waits => if untried.is_empty() {
                    addresses_tried = true;
                    untried = self.other_addresses().await;
                },
            }
        }
    }

    fn in_order(&self) -> impl Iterator<Item = (usize, PgConnectOptions)> + '_ {
        let first = self.last.load(Ordering::Relaxed);
        (first..self.hosts.len())
            .chain(0..first)
            .filter_map(|host| Some((host, self.hosts.get(host)?.clone())))
    }

    async fn attempt(&self, host: usize, options: PgConnectOptions) -> Result<(usize, Opened)> {
        let attempt = async {
            let mut connection = PgConnection::connect_with(&options).await?;
            if self.is_pinned {
                pins::complete(&mut connection).await?;
            }
            let begun = Instant::now();
            let server = server::ask(&mut connection).await?;
            Ok::<_, sqlx::Error>(Opened { connection, server, asked: (begun, Instant::now()) })
        };
        let silent = |_elapsed| Error::Unavailable(Silent.into());
        let opened = timeout(self.patience, attempt).await.map_err(silent)??;
        let is_right = match self.target {
            TargetSessionAttrs::Any => true,
            TargetSessionAttrs::ReadWrite => opened.server.takes_writes,
            TargetSessionAttrs::Primary => opened.server.is_primary,
        };
        if is_right {
            return Ok((host, opened));
        }
        // A server logs a line about a client that vanishes without a close.
        tokio::spawn(timeout(ATTEMPT, opened.connection.close()));
        Err(Error::Unavailable(ReadOnly.into()))
    }

    /// The addresses of all names but the first of each. The attempt by name tries them in order as well, but waits for
    /// minutes at a silent one. Where the certificate must match the name, an address is useless.
    async fn other_addresses(&self) -> VecDeque<(usize, PgConnectOptions)> {
        let mut found = VecDeque::new();
        for (host, options) in self.in_order() {
            let by_name = matches!(options.get_ssl_mode(), PgSslMode::VerifyFull);
            let name = (options.get_host(), options.get_port());
            if by_name || options.get_socket().is_some() || name.0.starts_with('/') {
                continue;
            }
            let Ok(Ok(addresses)) = timeout(HEAD_START, tokio::net::lookup_host(name)).await else {
                continue;
            };
            let others = addresses.skip(1).map(|address| address.ip().to_string());
            found.extend(others.map(|address| (host, options.clone().host(&address))));
        }
        found
    }
}
