//! [`Transfer`](crate::store::Transfer).

use async_trait::async_trait;
use uuid::Uuid;

use super::{
    Backend,
    statements::{export, import},
};
use crate::store::{ExportedUser, Imported, ImportedUser, Result, Revoking, Transfer};

#[async_trait]
impl Transfer for Backend {
    async fn users_import(&self, batch: Vec<ImportedUser>, at: Revoking) -> Result<Vec<Imported>> {
        self.write("users_import", (batch, at), |connection, (batch, at)| {
            Box::pin(import::add(connection, batch, at))
        })
        .await
    }

    async fn users_import_check(&self, batch: Vec<ImportedUser>) -> Result<Vec<Imported>> {
        self.read("users_import_check", batch, |connection, batch| {
            Box::pin(import::check(connection, batch))
        })
        .await
    }

    async fn users_export_end(&self, after: Uuid, rows: u32) -> Result<Option<Uuid>> {
        self.read("users_export_end", (after, rows), |connection, (after, rows)| {
            Box::pin(export::end(connection, *after, *rows))
        })
        .await
    }

    async fn users_export(&self, after: Uuid, until: Uuid) -> Result<Vec<ExportedUser>> {
        self.read("users_export", (after, until), |connection, (after, until)| {
            Box::pin(export::range(connection, *after, *until))
        })
        .await
    }
}
