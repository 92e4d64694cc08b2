//! Trusted devices: their logins need no second factor for a while (ADR 54).

use async_trait::async_trait;
use uuid::Uuid;

use super::{Result, Revoking, SealedMessage};
use crate::domain::{CLOCK_SKEW, Timestamp, TrustedDevice};

/// Trusted devices. One is trusted no more once its time is over, or a version of its user has grown since: of the credentials,
/// the second factors, or the epoch of the sessions (ADR 21).
#[async_trait]
pub trait TrustedDevices {
    /// The id of a device's trust; `None` if it is not trusted.
    async fn trusted_device_find(
        &self,
        user_id: Uuid,
        device_id: Uuid,
        within: TrustWindow,
    ) -> Result<Option<Uuid>>;

    /// A user's trusted devices, the newest first.
    async fn trusted_device_list(
        &self,
        user_id: Uuid,
        within: TrustWindow,
    ) -> Result<Vec<TrustedDevice>>;

    /// Ends the trust of a device of that user, on behalf of a session of theirs, `asking`. Returns whether that is live; if it
    /// is not, nothing ends.
    async fn trusted_device_revoke(
        &self,
        id: Uuid,
        user_id: Uuid,
        asking: Uuid,
        at: Revoking,
    ) -> Result<bool>;
}

/// Which trust counts by the present setting and clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrustWindow {
    /// The present.
    pub now: Timestamp,
    /// What was begun by then is over, whatever its row says: another setting may have been in force.
    pub begun_after: Timestamp,
}

impl TrustWindow {
    /// What was begun later was begun by a clock that was ahead: it would last for too long (ADR 23).
    pub(super) fn begun_by(self) -> Timestamp {
        self.now.plus(CLOCK_SKEW)
    }
}

/// A device that becomes trusted with a login that used the second factor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTrust {
    /// The id of the trust.
    pub id: Uuid,
    /// The device, as its token names it.
    pub device_id: Uuid,
    /// Until when.
    pub expires_at: Timestamp,
    /// The message to the owner.
    pub notice: SealedMessage,
}

/// The trust that spares a login the second factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SparedBy {
    /// The id of the trust, of the login's user.
    pub id: Uuid,
    /// Which trust counts.
    pub within: TrustWindow,
}
