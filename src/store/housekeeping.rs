//! What one replica does for all: leases, the removal of what has ended, a restored database.

use async_trait::async_trait;
use uuid::Uuid;

use super::{Result, Revoking};
use crate::domain::Timestamp;

/// What one replica does for all.
#[async_trait]
pub trait Housekeeping {
    /// Takes a lease that nobody holds, or whose time is up, or renews one's own.
    async fn lease_take(&self, lease: Lease) -> Result<LeaseTaken>;

    /// Removes what ended before that time, `most` rows at the most. Returns how many it removed.
    async fn ended_remove(&self, ended: Ended, before: Timestamp, most: u32) -> Result<u64>;

    /// Ends accounts, `most` at the most, whose time to verify their address is over, as [`super::Users::user_delete`] does but without
    /// a message. Returns how many.
    async fn unverified_users_end(&self, at: Revoking, most: u32) -> Result<u64>;

    /// After the database was restored as it was earlier: ends codes that were mailed, records the restore, and has the numbers of
    /// revocations go on beyond all that were given out before it. Then comes [`restored_end`](Self::restored_end).
    async fn restored_begin(&self, restoration: Restoration) -> Result<()>;

    /// Ends all sessions, challenges and enrolments of the next `most` users after an id, the steps of their apps up to now, and
    /// their recovery codes; tells those who watch. Returns the last of these users, if there was one.
    async fn restored_end(
        &self,
        after: Uuid,
        restoration: Restoration,
        most: u32,
    ) -> Result<Option<Uuid>>;
}

/// The right to do, for a time, what one replica is enough for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// What is done.
    pub name: &'static str,
    /// Who does it.
    pub holder: Uuid,
    /// The time of the request.
    pub now: Timestamp,
    /// Until when nobody else does it.
    pub expires_at: Timestamp,
}

/// What came of asking for a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeaseTaken {
    /// It is somebody else's.
    No,
    /// It is the caller's.
    Yes,
    /// It is the caller's now; but another one's had been over for longer than clocks may be apart. Either nobody was there, or the
    /// caller's clock is ahead.
    LongOver,
}

/// What is of no use some time after its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Challenges that have expired.
    Challenges,
    /// Codes for mailboxes that have expired.
    MailboxCodes,
    /// Enrolments of authenticator apps that have expired without being confirmed.
    Enrollments,
    /// Sessions that have expired, were not used for too long, or were revoked.
    Sessions,
    /// Sessions of users who were deleted.
    DeletedSessions,
    /// Challenges of users who were deleted.
    DeletedChallenges,
    /// Authenticator apps of users who were deleted.
    DeletedApps,
    /// Recovery codes of users who were deleted.
    DeletedRecoveryCodes,
    /// Users who were deleted, once nothing refers to them.
    DeletedUsers,
    /// Revocations of tokens that have all expired.
    Revocations,
    /// Attempts that count no longer.
    Throttles,
    /// Events, which end when they happen.
    Events,
}

/// How a restored database is put right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Restoration {
    /// When, and for how long the tokens of before matter.
    pub at: Revoking,
    /// The last time step of apps whose codes may have been used (RFC 6238).
    pub spent_step: i64,
    /// Whether recovery codes go on to count: only where certainly none was used since.
    pub keep_recovery_codes: bool,
}
