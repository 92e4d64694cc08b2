//! Deletions by users that can be undone for a while (ADR 57).

use async_trait::async_trait;
use uuid::Uuid;

use super::{Deletion, FactorChange, Result, Revoking, SealedMessage};
use crate::domain::Timestamp;

/// Deletions that can be undone.
#[async_trait]
pub trait Deletions {
    /// Disables a user until the account is deleted for good, if the credential version and the calling session still allow it
    /// ([`FactorChange`]): as [`super::Users::user_disable`] does, and adds the message with the code. Not the last administrator.
    async fn deletion_request(
        &self,
        change: FactorChange,
        pending: PendingDeletion,
        message: SealedMessage,
    ) -> Result<Deletion>;

    /// Finds the user whose deletion a code undoes at that time, by its digest.
    async fn deletion_find(&self, code_mac: [u8; 32], now: Timestamp) -> Result<Option<Uuid>>;

    /// Undoes a deletion: the account is enabled, with the credentials that it had but for passkeys, which are deleted, and adds the notice.
    /// The password is distrusted. Sessions stay ended. Of concurrent callers, the janitor among them, one succeeds. Returns whether it did.
    async fn deletion_undo(&self, undoing: DeletionUndoing, message: SealedMessage)
    -> Result<bool>;

    /// Deletes accounts for good, at most `most`, whose time to be undone is over, as [`super::Users::user_delete`] does but without a
    /// message. Returns how many.
    async fn deletions_end(&self, at: Revoking, most: u32) -> Result<u64>;
}

/// A deletion that can be undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PendingDeletion {
    /// The keyed digest of the code that undoes it.
    pub code_mac: [u8; 32],
    /// When the account is deleted for good.
    pub due_at: Timestamp,
    /// The expiry of the last token of the sessions that end.
    pub tokens_expire_at: Timestamp,
}

/// A deletion that is to be undone.
#[derive(Debug, Clone)]
pub struct DeletionUndoing {
    /// The keyed digest of the code.
    pub code_mac: [u8; 32],
    /// The user.
    pub user_id: Uuid,
    /// The user's credentials, as they were when the message was written.
    pub credential_version: i64,
    /// The request.
    pub at: Revoking,
}
