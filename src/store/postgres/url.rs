//! Connection strings as hosts print them and as libpq reads them (PostgreSQL's manual, 32.1.1.2 and 32.1.2).
//!
//! sqlx refuses half of them, and logs parameters that it does not know, with their values. So a string is taken apart here,
//! and sqlx gets plain fields. What works means what it means in libpq; what does not is refused by its name, with what to
//! write instead. No error repeats a value: the text may be a password that was taken for something else.

mod draft;
mod parameters;
mod split;

use std::{fmt, str::FromStr, time::Duration};

use sqlx::postgres::PgConnectOptions;

use self::{draft::Draft, split::split};
use crate::store::{Error, Result};

/// What a server must be to be taken (libpq's `target_session_attrs`). The others of libpq are refused: the service writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetSessionAttrs {
    /// Whichever answers first.
    Any,
    /// One whose transactions may write. The default, unlike libpq's, since nothing works with another.
    ReadWrite,
    /// One that is not a standby.
    Primary,
}

/// A connection string, parsed.
#[derive(Clone)]
pub struct ConnectionString {
    /// How to connect to each server, in the order in which to try them. Never empty.
    pub hosts: Vec<PgConnectOptions>,
    /// Which of them to take.
    pub target: TargetSessionAttrs,
    /// The longest that one server may take to answer (`connect_timeout`); the time that callers wait bounds it anyway.
    pub connect_timeout: Option<Duration>,
    /// The parameters that are settings of the session (`options` and the like), by name: a pooler may drop them.
    pub session_settings: Vec<String>,
}

/// Hosts and database alone: the rest may be secret.
impl fmt::Debug for ConnectionString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ConnectionString").field(&self.place()).finish()
    }
}

impl FromStr for ConnectionString {
    type Err = Error;

    fn from_str(url: &str) -> Result<Self> {
        Self::parse(url)
    }
}

impl ConnectionString {
    /// Parses `postgres://[user[:password]@][host[:port],…][/database][?name=value&…]`. What it leaves out comes from
    /// libpq's environment variables (`PGHOST`, `PGPASSWORD` …) and its password file, as far as sqlx knows them.
    ///
    /// # Errors
    /// [`Error::Url`], with what to write instead: a string that can't be read, a parameter that is not supported, and a
    /// certificate's file that can't be used. It never holds a value of the string.
    pub fn parse(url: &str) -> Result<Self> {
        Self::read(url).map_err(Error::Url)
    }

    fn read(url: &str) -> std::result::Result<Self, String> {
        let pieces = split(url)?;
        let mut draft = Draft::default();
        for (name, value) in pieces {
            draft.set(&name, value)?;
        }
        draft.finish()
    }

    /// Where the data is, without user, password and parameters.
    pub fn place(&self) -> String {
        let hosts: Vec<_> = self.hosts.iter().map(host_of).collect();
        let database = self.hosts.first().and_then(|options| options.get_database());
        format!("postgres://{}/{}", hosts.join(","), database.unwrap_or_default())
    }
}

/// The server that `options` lead to, as people write it: `db:5432`, `[::1]:5432`, or the folder of a socket.
pub(in crate::store) fn host_of(options: &PgConnectOptions) -> String {
    let (host, port) = (options.get_host(), options.get_port());
    match options.get_socket() {
        Some(folder) => format!("{}:{port}", folder.display()),
        None if host.contains(':') => format!("[{host}]:{port}"),
        None => format!("{host}:{port}"),
    }
}

#[cfg(test)]
mod tests;
