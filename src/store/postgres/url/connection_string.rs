//! A connection string, parsed.

use std::{fmt, time::Duration};

use sqlx::postgres::{PgConnectOptions, PgSslMode};

/// The kind of server to accept (libpq's `target_session_attrs`). The others of libpq are refused: the service writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetSessionAttrs {
    /// The first that answers.
    Any,
    /// A server whose transactions may write. The default, unlike libpq's: the service needs one.
    ReadWrite,
    /// A server that is not a standby.
    Primary,
}

/// A connection string, parsed.
#[derive(Clone)]
pub struct ConnectionString {
    /// Options for each server, in the order in which to try them. Never empty.
    pub hosts: Vec<PgConnectOptions>,
    /// The kind of server to accept.
    pub target: TargetSessionAttrs,
    /// The longest time for one server to answer (`connect_timeout`); the callers' timeout bounds it anyway.
    pub connect_timeout: Option<Duration>,
    /// The parameters that set session settings (`options` and the like), by name: a pooler may drop them.
    pub session_settings: Vec<String>,
}

/// Shows hosts and database only: the rest may be secret.
impl fmt::Debug for ConnectionString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ConnectionString").field(&self.place()).finish()
    }
}

impl ConnectionString {
    /// The location of the data, without user, password and parameters.
    pub fn place(&self) -> String {
        let hosts: Vec<_> = self.hosts.iter().map(host_of).collect();
        let database = self.hosts.first().and_then(|options| options.get_database());
        format!("postgres://{}/{}", hosts.join(","), database.unwrap_or_default())
    }

    /// Whether a certificate of any name will do (`sslmode=verify-ca`), beside the public authorities that sqlx believes.
    pub fn accepts_any_name(&self) -> bool {
        self.hosts.iter().any(|host| matches!(host.get_ssl_mode(), PgSslMode::VerifyCa))
    }
}

/// The server of `options`, for an operator: `db:5432`, `[::1]:5432`, or the folder of a socket.
pub(in crate::store) fn host_of(options: &PgConnectOptions) -> String {
    let (host, port) = (options.get_host(), options.get_port());
    match options.get_socket() {
        Some(folder) => format!("{}:{port}", folder.display()),
        None if host.contains(':') => format!("[{host}]:{port}"),
        None => format!("{host}:{port}"),
    }
}
