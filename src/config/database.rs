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
#[derive(Clone)]
pub struct Database {
    /// `postgres://…` or `sqlite://…`. It may hold a password.
    pub url: String,
    /// The most connections.
    pub max_connections: u32,
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Database").field("url", &self.place()).finish_non_exhaustive()
    }
}

impl Database {
    /// Where the data is, without user, password and options.
    pub fn place(&self) -> String {
        let without_options = self.url.split('?').next().unwrap_or_default();
        match without_options.split_once("://") {
            Some((scheme, rest)) => {
                let place = rest.rsplit_once('@').map_or(rest, |(_credentials, place)| place);
                format!("{scheme}://{place}")
            }
            None => without_options.to_owned(),
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_of_the_data_is_told_without_secrets() {
        for (url, place) in [
            ("postgres://user:p@ss@db:5432/auth?sslmode=require", "postgres://db:5432/auth"),
            ("postgres://db/auth", "postgres://db/auth"),
            ("sqlite://data/countersign.db", "sqlite://data/countersign.db"),
        ] {
            let database = Database { url: url.to_owned(), max_connections: 1 };
            assert_eq!(database.place(), place);
            assert!(!format!("{database:?}").contains("p@ss"));
        }
    }
}
