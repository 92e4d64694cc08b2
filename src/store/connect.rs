//! Opens the database of a URL.
//!
//! The time limit is `PATIENCE` in `deadlines.rs`. On Postgres it holds for each server: `first_look` in
//! `postgres/session.rs`.

use std::sync::Arc;

use super::{Error, Kind, Result, Store, postgres, sqlite};

/// Connects to the database of `url`. An SQLite file is created if absent.
///
/// # Errors
/// A URL of another scheme, an unreachable database, one that may lose acknowledged writes.
pub async fn connect(url: &str, max_connections: u32) -> Result<Arc<dyn Store>> {
    connect_accepting(url, max_connections, &[]).await
}

/// Like [`connect`], and accepts `fsync` off on a host of `fsync_off_at`.
///
/// # Errors
/// Those of [`connect`].
pub async fn connect_accepting(
    url: &str,
    max_connections: u32,
    fsync_off_at: &[String],
) -> Result<Arc<dyn Store>> {
    match Kind::of(url) {
        Some(Kind::Postgres) => {
            let store = postgres::Postgres::connect(url, max_connections, fsync_off_at).await?;
            Ok(Arc::new(store))
        }
        Some(Kind::Sqlite) => Ok(Arc::new(sqlite::Sqlite::connect(url, max_connections).await?)),
        None => Err(Error::Url("it must begin with postgres:// or sqlite://".into())),
    }
}

/// Connects to an existing database: a command that reads or changes data creates none.
///
/// # Errors
/// Those of [`connect`]; no such file.
pub async fn connect_existing(
    url: &str,
    max_connections: u32,
    fsync_off_at: &[String],
) -> Result<Arc<dyn Store>> {
    if Kind::of(url) == Some(Kind::Sqlite) {
        return Ok(Arc::new(sqlite::Sqlite::connect_existing(url, max_connections).await?));
    }
    connect_accepting(url, max_connections, fsync_off_at).await
}

/// Refuses the URL of an SQLite file that is not there.
///
/// # Errors
/// A bad URL; no such file.
pub fn must_exist(url: &str) -> Result<()> {
    if Kind::of(url) == Some(Kind::Sqlite) { sqlite::must_exist(url) } else { Ok(()) }
}
