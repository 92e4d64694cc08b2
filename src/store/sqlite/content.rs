//! What a database file holds, looked at without the store: it may be of another release, or of no release of ours.

use std::path::{Path, PathBuf};

use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection, sqlite::SqliteConnectOptions};

use super::draft::size;
use crate::{
    domain::Timestamp,
    store::{Error, Result},
};

/// What a database file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// Where it is.
    pub path: PathBuf,
    /// Its size in bytes.
    pub bytes: u64,
    /// The number of the last migration.
    pub schema: i64,
    /// How many users it has.
    pub users: i64,
    /// When the last event was recorded in it, if it has any.
    pub last_event: Option<Timestamp>,
}

impl Content {
    /// Looks through an open connection to the database at `path`.
    ///
    /// # Errors
    /// It can't be read, or is no database of ours.
    pub(super) async fn of(connection: &mut SqliteConnection, path: &Path) -> Result<Self> {
        // No release of ours has triggers or views: in a file from elsewhere they would run with our own statements.
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

    /// Looks at a database that nobody has open, and changes nothing beside it either; nothing where it can't be read.
    pub(super) async fn at_rest(path: &Path) -> Option<Self> {
        let options = SqliteConnectOptions::new().filename(path).read_only(true).immutable(true);
        let mut connection = options.connect().await.ok()?;
        let content = Self::of(&mut connection, path).await.ok();
        connection.close().await.ok()?;
        content
    }
}

/// Opens a database to look at it, and perhaps to write: without one that is not there being made.
pub(super) async fn open(path: &Path) -> Result<SqliteConnection> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(false)
        .pragma("temp_store", "MEMORY")
        .busy_timeout(super::BUSY_TIMEOUT);
    Ok(options.connect().await?)
}
