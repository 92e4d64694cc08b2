//! Checks of the applied migrations.

use std::collections::HashMap;

use super::{Backend, statements::schema};
use crate::store::{
    Error, Result,
    migrations::{self, Steps},
};

impl Backend {
    /// Checks that the database answers and has run every migration up to `wanted`.
    pub(in crate::store) async fn check_schema(&self, wanted: i64) -> Result<()> {
        let newest =
            self.read("schema_version", (), |connection, ()| Box::pin(schema::newest(connection)));
        match newest.await?.unwrap_or(0) {
            found if found < wanted => Err(Error::SchemaOutdated { found, wanted }),
            _ => Ok(()),
        }
    }

    /// Whether all of `steps` have run, unchanged. Needs the right to read only.
    pub(in crate::store) async fn has_run(&self, steps: Steps) -> Result<bool> {
        let ran =
            self.read("migrations_run", (), |connection, ()| Box::pin(schema::ran(connection)));
        let ran: HashMap<_, _> = ran.await?.into_iter().collect();
        let has_run = |version, checksum| ran.get(&version).is_some_and(|ran| ran == checksum);
        Ok(migrations::migrator(steps).iter().all(|step| has_run(step.version, &*step.checksum)))
    }
}
