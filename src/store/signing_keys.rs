//! Signing keys, encrypted.

use async_trait::async_trait;
use uuid::Uuid;

use super::{Result, Revoking};
use crate::domain::Timestamp;

/// Signing keys, encrypted.
#[async_trait]
pub trait SigningKeys {
    /// All keys, ordered by algorithm and generation.
    async fn signing_keys(&self) -> Result<Vec<SealedKey>>;

    /// Whether there is such a key, and it is not retired.
    async fn signing_key_unretired(&self, id: Uuid) -> Result<bool>;

    /// Adds a key, unless there is one of that algorithm and generation. Returns whether it did: of concurrent callers one
    /// does.
    async fn signing_key_create(&self, key: SealedKey) -> Result<bool>;

    /// Retires a key while `signer`, another one, is not retired, and appends the revocation. Returns whether it did.
    async fn signing_key_retire(&self, id: Uuid, signer: Uuid, at: Revoking) -> Result<bool>;

    /// Adds a key, retires `replaced`, and appends the revocation: all or nothing. Nothing where there is a key of that
    /// algorithm and generation, or `replaced` is retired already. Returns whether it did: of concurrent callers one does.
    async fn signing_key_replace(
        &self,
        key: SealedKey,
        replaced: Uuid,
        at: Revoking,
    ) -> Result<bool>;

    /// Erases the private part of a key. Returns whether there was one.
    async fn signing_key_erase(&self, id: Uuid) -> Result<bool>;

    /// Deletes a key. Returns whether there was one.
    async fn signing_key_remove(&self, id: Uuid) -> Result<bool>;
}

/// A stored signing key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedKey {
    /// The key's id: the JWT header `kid`.
    pub id: Uuid,
    /// The JWS algorithm (RFC 7518, section 3.1).
    pub algorithm: String,
    /// Its number among the keys of its algorithm, from 1 on.
    pub generation: i64,
    /// The private key, encrypted; empty once it is erased.
    pub sealed_private_key: Vec<u8>,
    /// The time of creation.
    pub created_at: Timestamp,
    /// The time of its first signature.
    pub signs_from: Timestamp,
    /// The time of its retirement, if it is retired.
    pub retired_at: Option<Timestamp>,
}
