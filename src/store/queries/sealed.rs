//! [`SealedValues`](crate::store::SealedValues).

use async_trait::async_trait;
use uuid::Uuid;

use super::{Backend, statements::sealed};
use crate::{
    domain::Timestamp,
    store::{Resealed, Result, SealedColumn, SealedValue, SealedValues, WrappedKey},
};

#[async_trait]
impl SealedValues for Backend {
    async fn wrapped_keys(&self) -> Result<Vec<WrappedKey>> {
        self.read("wrapped_keys", (), |connection, ()| Box::pin(sealed::wrapped(connection))).await
    }

    async fn wrapped_key_create(&self, key: WrappedKey, at: Timestamp) -> Result<bool> {
        self.write("wrapped_key_create", (key, at), |connection, (key, at)| {
            Box::pin(sealed::create(connection, key, *at))
        })
        .await
    }

    async fn wrapped_key_replace(&self, read: WrappedKey, sealed: Vec<u8>) -> Result<bool> {
        self.write("wrapped_key_replace", (read, sealed), |connection, (read, sealed)| {
            Box::pin(sealed::replace_wrapped(connection, read, sealed))
        })
        .await
    }

    async fn sealed_count(&self, column: SealedColumn) -> Result<u64> {
        self.read("sealed_count", column, |connection, column| {
            Box::pin(sealed::count(connection, *column))
        })
        .await
    }

    async fn sealed_page(
        &self,
        column: SealedColumn,
        after: Uuid,
        most: u32,
    ) -> Result<Vec<SealedValue>> {
        self.read("sealed_page", (column, after, most), |connection, (column, after, most)| {
            Box::pin(sealed::page(connection, *column, *after, *most))
        })
        .await
    }

    async fn sealed_replace(&self, column: SealedColumn, resealed: Vec<Resealed>) -> Result<u64> {
        self.write("sealed_replace", (column, resealed), |connection, (column, resealed)| {
            Box::pin(sealed::replace(connection, *column, resealed))
        })
        .await
    }
}
