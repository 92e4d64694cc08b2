//! [`Deletions`](crate::store::Deletions).

use async_trait::async_trait;
use uuid::Uuid;

use super::{Backend, statements::deletions};
use crate::{
    domain::Timestamp,
    store::{
        Deletion, DeletionUndoing, Deletions, FactorChange, PendingDeletion, Result, Revoking,
        SealedMessage,
    },
};

#[async_trait]
impl Deletions for Backend {
    async fn deletion_request(
        &self,
        change: FactorChange,
        pending: PendingDeletion,
        message: SealedMessage,
    ) -> Result<Deletion> {
        self.write(
            "deletion_request",
            (change, pending, message),
            |connection, (change, pending, message)| {
                Box::pin(deletions::request(connection, change, pending, message))
            },
        )
        .await
    }

    async fn deletion_find(&self, code_mac: [u8; 32], now: Timestamp) -> Result<Option<Uuid>> {
        self.read("deletion_find", (code_mac, now), |connection, (code_mac, now)| {
            Box::pin(deletions::find(connection, code_mac, *now))
        })
        .await
    }

    async fn deletion_undo(
        &self,
        undoing: DeletionUndoing,
        message: SealedMessage,
    ) -> Result<bool> {
        self.write("deletion_undo", (undoing, message), |connection, (undoing, message)| {
            Box::pin(deletions::undo(connection, undoing, message))
        })
        .await
    }

    async fn deletions_end(&self, at: Revoking, most: u32) -> Result<u64> {
        self.write("deletions_end", (at, most), |connection, (at, most)| {
            Box::pin(deletions::end(connection, at, *most))
        })
        .await
    }
}
