//! [`Transfer`](crate::store::Transfer).

use std::collections::HashMap;

use async_trait::async_trait;
use uuid::Uuid;

use super::{
    Backend,
    statements::{export, import},
};
use crate::store::{ExportedUser, Imported, ImportedUser, Result, Revoking, SealedTotp, Transfer};

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

    async fn users_export_ends(&self, after: Uuid, rows: u32, pages: u32) -> Result<Vec<Uuid>> {
        self.read("users_export_ends", (after, rows, pages), |connection, (after, rows, pages)| {
            Box::pin(export::ends(connection, *after, *rows, *pages))
        })
        .await
    }

    async fn users_export(&self, after: Uuid, until: Uuid) -> Result<Vec<ExportedUser>> {
        self.read("users_export", (after, until), |connection, (after, until)| {
            Box::pin(export::users(connection, *after, *until))
        })
        .await
    }

    async fn users_export_apps(
        &self,
        after: Uuid,
        until: Uuid,
    ) -> Result<HashMap<Uuid, SealedTotp>> {
        self.read("users_export_apps", (after, until), |connection, (after, until)| {
            Box::pin(export::apps(connection, *after, *until))
        })
        .await
    }
}
