//! A summary of a database file, read without the store: the file may be of another release, or not ours.

use std::path::{Path, PathBuf};

use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection, sqlite::SqliteConnectOptions};

use super::draft::size;
use crate::{
    domain::Timestamp,
    store::{Error, Result},
};

/// A summary of a database file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// Its location.
    pub path: PathBuf,
    /// Its size in bytes.
    pub bytes: u64,
    /// The number of the last migration.
    pub schema: i64,
    /// The number of users.
    pub users: i64,
    /// The time of the last event, if it has any.
    pub last_event: Option<Timestamp>,
}

impl Content {
    /// Reads through an open connection to the database at `path`.
    ///
    /// # Errors
    /// The database can't be read, or is not ours.
    pub(super) async fn of(connection: &mut SqliteConnection, path: &Path) -> Result<Self> {
        // No release of ours has triggers or views: in a foreign file they would run with our own statements.
        let (ours, foreign): (i64, i64) = sqlx::query_as(
            "SELECT (SELECT COUNT(*) FROM sqlite_schema WHERE type = 'table' AND name IN ('_sqlx_migrations', 'users')), \
             (SELECT COUNT(*) FROM sqlite_schema WHERE type IN ('trigger', 'view'))",
        )
        .fetch_one(&mut *connection)
        .await?;
        if ours < 2 || foreign > 0 {
            let path = path.display();
            return Err(Error::File(format!("{path} is not a database of Countersign")));
        }
        let (schema, users): (i64, i64) = sqlx::query_as(
            "SELECT (SELECT COALESCE(MAX(version), 0) FROM _sqlx_migrations WHERE success), \
             (SELECT COUNT(*) FROM users WHERE username <> '')",
        )
        .fetch_one(&mut *connection)
        .await?;
        // A release without events has none.
        let last_event = sqlx::query_scalar("SELECT MAX(at) FROM events").fetch_one(connection);
        let last_event = last_event.await.unwrap_or_default();
        Ok(Self { path: path.to_owned(), bytes: size(path), schema, users, last_event })
    }

    /// Reads a database that is not open, without changing files; `None` where it can't be read.
    pub(super) async fn at_rest(path: &Path) -> Option<Self> {
        let options = SqliteConnectOptions::new().filename(path).read_only(true).immutable(true);
        let mut connection = options.connect().await.ok()?;
        let content = Self::of(&mut connection, path).await.ok();
        connection.close().await.ok()?;
        content
    }
}

/// Opens an existing database to read it, and perhaps to write.
pub(super) async fn open(path: &Path) -> Result<SqliteConnection> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(false)
        .pragma("temp_store", "MEMORY")
        .busy_timeout(super::BUSY_TIMEOUT);
    Ok(options.connect().await?)
}
