//! Service accounts, their keys, and the assertions that were shown.

use async_trait::async_trait;
use uuid::Uuid;

use super::{Result, Revoking};
use crate::domain::{EventKind, ServiceAccount, ServiceAccountId, Timestamp, Workload};

/// Service accounts.
#[async_trait]
pub trait ServiceAccounts {
    /// Adds an account with its workloads, and its first key if there is one. Returns what is taken, if anything is: then
    /// nothing is added.
    async fn service_account_create(
        &self,
        new: NewServiceAccount,
        at: Revoking,
    ) -> Result<Option<AccountTaken>>;

    /// Finds an account by its name.
    async fn service_account_by_name(&self, name: &str) -> Result<Option<ServiceAccount>>;

    /// All accounts, by name.
    async fn service_accounts(&self) -> Result<Vec<ServiceAccount>>;

    /// Writes an account anew, and its workloads if they are given: both or neither. If its epoch has grown, the revocation
    /// of its earlier tokens is appended. Nothing is changed if the account is not as it was read (optimistic concurrency).
    async fn service_account_change(&self, change: ServiceAccountChange) -> Result<AccountChanged>;

    /// The workloads of an account, in order.
    async fn service_workloads(&self, id: ServiceAccountId) -> Result<Vec<Workload>>;

    /// Deletes an account with its keys and workloads, and appends the revocation of its tokens. Returns whether it did.
    async fn service_account_delete(&self, id: ServiceAccountId, at: Revoking) -> Result<bool>;

    /// Adds a key, unless the account has as many already that have not expired. Returns whether it did.
    async fn service_key_create(&self, key: NewServiceKey, most: u32, at: Revoking)
    -> Result<bool>;

    /// The keys of an account, the oldest first.
    async fn service_keys(&self, id: ServiceAccountId) -> Result<Vec<ServiceKey>>;

    /// Deletes a key of an account. Returns whether it did.
    async fn service_key_delete(
        &self,
        id: ServiceAccountId,
        key_id: Uuid,
        at: Revoking,
    ) -> Result<bool>;

    /// Finds a key by its digest, with its account.
    async fn service_key_find(
        &self,
        digest: [u8; 32],
    ) -> Result<Option<(ServiceKey, ServiceAccount)>>;

    /// Records that a key was used, if that is later than what is on record.
    async fn service_key_used(&self, key_id: Uuid, at: Timestamp) -> Result<()>;

    /// Finds the account of a workload.
    async fn service_account_of(&self, workload: &Workload) -> Result<Option<ServiceAccount>>;

    /// Finds an account by its id.
    async fn service_account_find(&self, id: ServiceAccountId) -> Result<Option<ServiceAccount>>;

    /// Finds the account of a token; `None` as well if that very token was revoked.
    async fn service_token_account(
        &self,
        id: ServiceAccountId,
        token_id: Uuid,
    ) -> Result<Option<ServiceAccount>>;

    /// Revokes one token of a service, and appends the revocation. Returns whether it was not revoked before.
    async fn service_token_revoke(
        &self,
        id: ServiceAccountId,
        token_id: Uuid,
        at: Revoking,
    ) -> Result<bool>;

    /// Uses an assertion up. Returns whether it was new (replay): not if it was used before, or may have been used before
    /// the database was restored.
    async fn assertion_use(&self, assertion: NewAssertion) -> Result<bool>;
}

/// A new service account.
#[derive(Debug, Clone)]
pub struct NewServiceAccount {
    /// The account.
    pub account: ServiceAccount,
    /// Its workloads.
    pub workloads: Vec<Workload>,
    /// Its first key, if it gets one.
    pub key: Option<NewServiceKey>,
}

/// A conflict with a new service account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountTaken {
    /// The name is taken.
    Name,
    /// A workload is another account.
    Workload,
}

/// A change of a service account.
#[derive(Debug, Clone)]
pub struct ServiceAccountChange {
    /// The account as it was read.
    pub was: ServiceAccount,
    /// The account as it is to be.
    pub account: ServiceAccount,
    /// Its workloads as they were read, and as they are to be; `None` leaves them.
    pub workloads: Option<[Vec<Workload>; 2]>,
    /// What happened, for the event.
    pub kind: EventKind,
    /// Who asked, and when.
    pub at: Revoking,
}

/// What became of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountChanged {
    /// It is made.
    Yes,
    /// The account was changed, or deleted, since it was read.
    Meanwhile,
    /// A workload is another account.
    WorkloadTaken,
}

/// An assertion that is used now.
#[derive(Debug, Clone, Copy)]
pub struct NewAssertion {
    /// The keyed digest of whose it is and of its id.
    pub digest: [u8; 32],
    /// The earliest time at which it can have been used.
    pub issued_at: Timestamp,
    /// From when on it is refused anyway.
    pub expires_at: Timestamp,
}

/// A new key of a service account.
#[derive(Clone)]
pub struct NewServiceKey {
    /// The key's id.
    pub id: Uuid,
    /// The account.
    pub account_id: ServiceAccountId,
    /// The keyed digest of the key.
    pub digest: [u8; 32],
    /// The time of its creation.
    pub created_at: Timestamp,
    /// Its end; `None` is never.
    pub expires_at: Option<Timestamp>,
}

impl std::fmt::Debug for NewServiceKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewServiceKey").field("id", &self.id).finish_non_exhaustive()
    }
}

/// A key of a service account, without its secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServiceKey {
    /// The key's id.
    pub id: Uuid,
    /// The time of its creation.
    pub created_at: Timestamp,
    /// Its end; `None` is never.
    pub expires_at: Option<Timestamp>,
    /// Its last use, to about a minute.
    pub last_used_at: Option<Timestamp>,
}
