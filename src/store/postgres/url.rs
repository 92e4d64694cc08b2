//! Connection strings, read as libpq does (PostgreSQL's manual, 32.1.1.2 and 32.1.2).
//!
//! sqlx refuses half of those that hosts print, and logs unknown parameters with their values. So a string is parsed here,
//! and sqlx gets plain fields. A supported parameter means what it means in libpq; another one is refused by its name, with
//! the remedy. No error repeats a value: the text may be a password that was mistaken for something else.

mod connection_string;
mod draft;
mod parameters;
mod split;

use std::str::FromStr;

pub(in crate::store) use self::connection_string::host_of;
pub use self::connection_string::{ConnectionString, TargetSessionAttrs};
use self::{draft::Draft, split::split};
use crate::store::{Error, Result};

impl FromStr for ConnectionString {
    type Err = Error;

    fn from_str(url: &str) -> Result<Self> {
        Self::parse(url)
    }
}

impl ConnectionString {
    /// Parses `postgres://[user[:password]@][host[:port],…][/database][?name=value&…]`. Omitted parts come from libpq's
    /// environment variables (`PGHOST`, `PGPASSWORD` …) and its password file, as far as sqlx knows them.
    ///
    /// # Errors
    /// [`Error::Url`], with the remedy: a malformed string, an unsupported parameter, and an unusable certificate file. It
    /// never holds a value of the string.
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
}

#[cfg(test)]
mod tests;
