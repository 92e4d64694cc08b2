//! Work that one replica does for all: leases, garbage collection, a restored database.

use async_trait::async_trait;
use uuid::Uuid;

use super::{Result, Revoking};
use crate::domain::Timestamp;

/// Work that one replica does for all.
#[async_trait]
pub trait Housekeeping {
    /// Takes a lease that is free or expired, or renews the caller's own.
    async fn lease_take(&self, lease: Lease) -> Result<LeaseTaken>;

    /// Deletes rows that ended before that time, at most `most`. Returns how many.
    async fn ended_remove(&self, ended: Ended, before: Timestamp, most: u32) -> Result<u64>;

    /// Deletes accounts, at most `most`, whose time to verify their address is over, as [`super::Users::user_delete`] does
    /// but without a message. Returns how many.
    async fn unverified_users_end(&self, at: Revoking, most: u32) -> Result<u64>;

    /// First step after a restore from a back-up: voids mailed codes, records the restore, moves the numbers of
    /// revocations beyond all those given out before it, ends the tokens of all service accounts, and refuses assertions
    /// from before. Then comes [`restored_end`](Self::restored_end).
    async fn restored_begin(&self, restoration: Restoration) -> Result<()>;

    /// Ends all sessions, challenges and enrolments of the next `most` users after an id, the steps of their apps up to
    /// now, and their recovery codes; appends revocations. Returns the last of these users, if there was one.
    async fn restored_end(
        &self,
        after: Uuid,
        restoration: Restoration,
        most: u32,
    ) -> Result<Option<Uuid>>;
}

/// A lease: the exclusive right, for a time, to some work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The work.
    pub name: &'static str,
    /// The holder.
    pub holder: Uuid,
    /// The time of the request.
    pub now: Timestamp,
    /// The expiry of the lease.
    pub expires_at: Timestamp,
}

/// The result of taking a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeaseTaken {
    /// Another replica holds it.
    No,
    /// The caller holds it.
    Yes,
    /// The caller holds it now, but the one before had expired by more than the allowed clock skew: either no replica was
    /// running, or the caller's clock is ahead.
    LongOver,
}

/// Kinds of rows that are deleted some time after their end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Challenges that have expired.
    Challenges,
    /// Codes for mailboxes that have expired.
    MailboxCodes,
    /// Pending users who have not verified their address in time.
    PendingUsers,
    /// Changes of addresses that can no longer be undone.
    EmailChanges,
    /// Trust of devices whose time is over.
    TrustedDevices,
    /// Enrolments of authenticator apps that have expired without being confirmed.
    Enrollments,
    /// Sessions that have expired, idled out, or were revoked.
    Sessions,
    /// Sessions of deleted users.
    DeletedSessions,
    /// Challenges of deleted users.
    DeletedChallenges,
    /// Authenticator apps of deleted users.
    DeletedApps,
    /// Recovery codes of deleted users.
    DeletedRecoveryCodes,
    /// Deleted users, once nothing refers to them.
    DeletedUsers,
    /// Revocations of tokens that have all expired.
    Revocations,
    /// Assertions that have expired.
    Assertions,
    /// Requests of administrators whose ids may be used again.
    AdminRequests,
    /// Requests that can no longer be sent again.
    CarriedOut,
    /// Keys of service accounts that have expired.
    ServiceKeys,
    /// Budgets that are empty again.
    Throttles,
    /// Events, whose end is the time at which they happened.
    Events,
}

/// Parameters of the clean-up after a restore.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restoration {
    /// The time, and how long earlier tokens matter.
    pub at: Revoking,
    /// The last time step of apps whose codes may have been used (RFC 6238).
    pub spent_step: i64,
    /// The earliest time at which an account is deleted for good whose deletion was pending: it may have been undone since.
    pub deletions_wait_until: Timestamp,
    /// Whether recovery codes stay valid: only where certainly none was used since.
    pub keep_recovery_codes: bool,
}
