//! Values that the master key encrypts: keys that it wraps, and all of them as such, to be encrypted anew (ADR 20).

use async_trait::async_trait;
use uuid::Uuid;

use super::Result;
use crate::domain::Timestamp;

/// Values that the master key encrypts.
#[async_trait]
pub trait SealedValues {
    /// All keys that the master key wraps.
    async fn wrapped_keys(&self) -> Result<Vec<WrappedKey>>;

    /// Adds a key, unless there is one of that name. Returns whether it did: of many callers one does.
    async fn wrapped_key_create(&self, key: WrappedKey, at: Timestamp) -> Result<bool>;

    /// Replaces a key's encrypted form, if it is still the one that was read. Returns whether it did.
    async fn wrapped_key_replace(&self, read: WrappedKey, sealed: Vec<u8>) -> Result<bool>;

    /// How many values a column has.
    async fn sealed_count(&self, column: SealedColumn) -> Result<u64>;

    /// Up to `most` values of the rows after `after`, in the order of their ids. No id comes before [`Uuid::nil`].
    async fn sealed_page(
        &self,
        column: SealedColumn,
        after: Uuid,
        most: u32,
    ) -> Result<Vec<SealedValue>>;

    /// Replaces values that are still those that were read. Returns how many it replaced.
    async fn sealed_replace(&self, column: SealedColumn, resealed: Vec<Resealed>) -> Result<u64>;
}

/// A key that the master key wraps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrappedKey {
    /// What it is for.
    pub name: String,
    /// The key, encrypted.
    pub sealed: Vec<u8>,
}

/// A column of encrypted values whose rows have a UUID.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SealedColumn {
    /// The private parts of signing keys, but for those that are erased.
    SigningKeys,
    /// The secrets of authenticator apps, confirmed or not.
    TotpSecrets,
    /// The messages that wait in the outbox.
    Messages,
}

/// An encrypted value, and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedValue {
    /// The row's id.
    pub id: Uuid,
    /// Whose row it is, where the column says so.
    pub user_id: Option<Uuid>,
    /// The value, encrypted.
    pub sealed: Vec<u8>,
}

/// A value that has been encrypted anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resealed {
    /// The row's id.
    pub id: Uuid,
    /// The value as it was read.
    pub from: Vec<u8>,
    /// The value as it is to be.
    pub to: Vec<u8>,
}
