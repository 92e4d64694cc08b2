//! Checks of the applied migrations.

use super::Connection;
use crate::store::Result;

pub(in crate::store) async fn newest(connection: &mut Connection) -> Result<Option<i64>> {
    let newest = sqlx::query_scalar("SELECT MAX(version) FROM _sqlx_migrations WHERE success");
    match newest.fetch_one(connection).await {
        Err(error) if no_table(&error) => Ok(None),
        newest => Ok(newest?),
    }
}

/// The applied versions, with their checksums.
pub(in crate::store) async fn ran(connection: &mut Connection) -> Result<Vec<(i64, Vec<u8>)>> {
    let ran = sqlx::query_as("SELECT version, checksum FROM _sqlx_migrations WHERE success");
    match ran.fetch_all(connection).await {
        Err(error) if no_table(&error) => Ok(Vec::new()),
        ran => Ok(ran?),
    }
}

/// Whether no migration has ever run.
fn no_table(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|error| {
        error.code().as_deref() == Some("42P01") || error.message().starts_with("no such table")
    })
}
