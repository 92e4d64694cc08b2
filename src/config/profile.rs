//! The purpose of a deployment.

use crate::store::Kind;

/// The purpose of a deployment. It follows from the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// SQLite: everything has a default.
    Development,
    /// Postgres: keys and delivery must be given.
    Production,
}

impl Profile {
    pub(super) fn of(url: &str) -> Self {
        match Kind::of(url) {
            Some(Kind::Sqlite) => Self::Development,
            Some(Kind::Postgres) | None => Self::Production,
        }
    }
}
