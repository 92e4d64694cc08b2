//! Which migrations have run.

use std::collections::HashMap;

use super::Backend;
use crate::store::{
    Error, Result,
    migrations::{self, Steps},
};

impl Backend {
    /// Checks that the database answers and has run every migration up to `wanted`.
    pub(in crate::store) async fn check_schema(&self, wanted: i64) -> Result<()> {
        let newest = sqlx::query_scalar("SELECT MAX(version) FROM _sqlx_migrations WHERE success")
            .fetch_one(self.reader())
            .await;
        let newest: Option<i64> = match newest {
            Err(error) if no_table(&error) => None,
            other => other?,
        };
        match newest.unwrap_or(0) {
            found if found < wanted => Err(Error::SchemaOutdated { found, wanted }),
            _ => Ok(()),
        }
    }

    /// Whether all of `steps` have run, as they are here. Takes no right but to read.
    pub(in crate::store) async fn has_run(&self, steps: Steps) -> Result<bool> {
        let rows = sqlx::query_as("SELECT version, checksum FROM _sqlx_migrations WHERE success")
            .fetch_all(self.reader())
            .await;
        let rows: Vec<(i64, Vec<u8>)> = match rows {
            Err(error) if no_table(&error) => return Ok(false),
            other => other?,
        };
        let ran: HashMap<_, _> = rows.into_iter().collect();
        let has_run = |version, checksum| ran.get(&version).is_some_and(|ran| ran == checksum);
        Ok(migrations::migrator(steps).iter().all(|step| has_run(step.version, &*step.checksum)))
    }
}

/// Whether nothing has ever been migrated.
fn no_table(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|error| {
        error.code().as_deref() == Some("42P01") || error.message().starts_with("no such table")
    })
}
