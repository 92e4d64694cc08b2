//! Which migrations have run.

use std::collections::HashMap;

use super::{Backend, Connection};
use crate::store::{
    Error, Result,
    migrations::{self, Steps},
};

impl Backend {
    /// Checks that the database answers and has run every migration up to `wanted`.
    pub(in crate::store) async fn check_schema(&self, wanted: i64) -> Result<()> {
        let newest = self.read("schema_version", (), |connection, ()| Box::pin(newest(connection)));
        match newest.await?.unwrap_or(0) {
            found if found < wanted => Err(Error::SchemaOutdated { found, wanted }),
            _ => Ok(()),
        }
    }

    /// Whether all of `steps` have run, as they are here. Takes no right but to read.
    pub(in crate::store) async fn has_run(&self, steps: Steps) -> Result<bool> {
        let ran = self.read("migrations_run", (), |connection, ()| Box::pin(ran(connection)));
        let ran: HashMap<_, _> = ran.await?.into_iter().collect();
        let has_run = |version, checksum| ran.get(&version).is_some_and(|ran| ran == checksum);
        Ok(migrations::migrator(steps).iter().all(|step| has_run(step.version, &*step.checksum)))
    }
}

async fn newest(connection: &mut Connection) -> Result<Option<i64>> {
    let newest = sqlx::query_scalar("SELECT MAX(version) FROM _sqlx_migrations WHERE success");
    match newest.fetch_one(connection).await {
        Err(error) if no_table(&error) => Ok(None),
        newest => Ok(newest?),
    }
}

/// The versions that have run, with their checksums.
async fn ran(connection: &mut Connection) -> Result<Vec<(i64, Vec<u8>)>> {
    let ran = sqlx::query_as("SELECT version, checksum FROM _sqlx_migrations WHERE success");
    match ran.fetch_all(connection).await {
        Err(error) if no_table(&error) => Ok(Vec::new()),
        ran => Ok(ran?),
    }
}

/// Whether nothing has ever been migrated.
fn no_table(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|error| {
        error.code().as_deref() == Some("42P01") || error.message().starts_with("no such table")
    })
}
