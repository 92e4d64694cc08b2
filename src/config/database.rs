//! The database, and what follows from it.

use super::{Settings, reader::Reader, settings as name};

/// What a deployment is for. It follows from the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// SQLite: everything has a default.
    Development,
    /// Postgres: keys and delivery must be given.
    Production,
}

/// The database.
#[derive(Debug, Clone)]
pub struct Database {
    /// `postgres://…` or `sqlite://…`. It may hold a password.
    pub url: String,
    /// The most connections.
    pub max_connections: u32,
}

impl Profile {
    pub(super) fn of(url: &str) -> Self {
        match url.split_once(':') {
            Some(("sqlite", _)) => Self::Development,
            _ => Self::Production,
        }
    }
}

/// The configured URL.
pub(super) fn url(settings: &Settings) -> &str {
    settings.get(name::DATABASE_URL).unwrap_or("sqlite://data/countersign.db")
}

impl Reader<'_> {
    pub(super) fn database(&mut self, url: &str) -> Database {
        if !["postgres://", "postgresql://", "sqlite:"].iter().any(|scheme| url.starts_with(scheme))
        {
            self.problems.add(name::DATABASE_URL, "must begin with postgres:// or sqlite://");
        }
        let max_connections = self.number(name::DATABASE_CONNECTIONS, 10, 1..=1000);
        Database { url: url.to_owned(), max_connections }
    }
}
