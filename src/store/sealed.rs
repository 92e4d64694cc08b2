//! Values encrypted under the master key: wrapped keys, and all others, for re-encryption (ADR 20).

use async_trait::async_trait;
use uuid::Uuid;

use super::Result;
use crate::domain::Timestamp;

/// Values encrypted under the master key.
#[async_trait]
pub trait SealedValues {
    /// All wrapped keys.
    async fn wrapped_keys(&self) -> Result<Vec<WrappedKey>>;

    /// Adds a key, unless there is one of that name. Returns whether it did: of concurrent callers one does.
    async fn wrapped_key_create(&self, key: WrappedKey, at: Timestamp) -> Result<bool>;

    /// Replaces a key's encrypted form, if it is unchanged since it was read (compare-and-set). Returns whether it did.
    async fn wrapped_key_replace(&self, read: WrappedKey, sealed: Vec<u8>) -> Result<bool>;

    /// The number of values in a column.
    async fn sealed_count(&self, column: SealedColumn) -> Result<u64>;

    /// Up to `most` values of the rows after `after`, ordered by id. No id comes before [`Uuid::nil`].
    async fn sealed_page(
        &self,
        column: SealedColumn,
        after: Uuid,
        most: u32,
    ) -> Result<Vec<SealedValue>>;

    /// Replaces values that are unchanged since they were read (compare-and-set). Returns how many.
    async fn sealed_replace(&self, column: SealedColumn, resealed: Vec<Resealed>) -> Result<u64>;
}

/// A key wrapped by the master key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrappedKey {
    /// Its name, which is its purpose.
    pub name: String,
    /// The key, encrypted.
    pub sealed: Vec<u8>,
}

/// A column of encrypted values whose rows have a UUID.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SealedColumn {
    /// The private parts of signing keys, except erased ones.
    SigningKeys,
    /// The secrets of authenticator apps, confirmed or not.
    TotpSecrets,
    /// The messages in the outbox.
    Messages,
    /// The secrets of subscriptions.
    SubscriptionSecrets,
}

/// An encrypted value with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedValue {
    /// The row's id.
    pub id: Uuid,
    /// The user of the row, where the column names one.
    pub user_id: Option<Uuid>,
    /// The value, encrypted.
    pub sealed: Vec<u8>,
}

/// A re-encrypted value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resealed {
    /// The row's id.
    pub id: Uuid,
    /// The value that was read.
    pub from: Vec<u8>,
    /// The new value.
    pub to: Vec<u8>,
}
