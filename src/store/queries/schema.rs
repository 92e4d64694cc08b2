//! Which migrations have run.

use super::Backend;
use crate::store::{Error, Result};

impl Backend {
    /// Checks that the database answers and has run every migration up to `wanted`.
    pub(in crate::store) async fn check_schema(&self, wanted: i64) -> Result<()> {
        let newest: Option<i64> =
            sqlx::query_scalar("SELECT MAX(version) FROM _sqlx_migrations WHERE success")
                .fetch_one(self.reader())
                .await?;
        match newest.unwrap_or(0) {
            found if found < wanted => Err(Error::SchemaOutdated { found, wanted }),
            _ => Ok(()),
        }
    }
}
