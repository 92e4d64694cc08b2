//! The revoked tokens of one user or service account.

use prost_types::Timestamp;
use uuid::Uuid;

use crate::pb::Revocation;

/// The times of a revocation, in seconds since 1970. Missing ones are read in the strictest way.
#[derive(Clone, Copy)]
pub(crate) struct Times {
    pub(crate) not_before: i64,
    pub(crate) forget_at: i64,
}

impl Times {
    pub(crate) fn of(revocation: &Revocation) -> Self {
        Self {
            not_before: revocation.not_before.as_ref().map_or(i64::MAX, rounded_up),
            forget_at: revocation.expire_time.as_ref().map_or(i64::MAX, rounded_up),
        }
    }
}

pub(crate) struct Revoked {
    /// Tokens issued before this are void.
    not_before: i64,
    /// Tokens of earlier epochs are void, except the kept session's.
    epoch: i64,
    kept: Option<Uuid>,
    pub(crate) forget_at: i64,
}

impl Revoked {
    /// Without revocations.
    pub(crate) const NONE: Self =
        Self { not_before: i64::MIN, epoch: 0, kept: None, forget_at: i64::MIN };

    pub(crate) fn add(&mut self, times: Times, epoch: i64, kept: Option<Uuid>) {
        self.forget_at = times.forget_at.max(self.forget_at);
        if epoch <= 0 {
            // The account is deleted, or the server knows no epochs.
            self.not_before = times.not_before.max(self.not_before);
        } else if epoch > self.epoch {
            // The last one counts: a session that goes on now was never ended before.
            (self.epoch, self.kept) = (epoch, kept);
        }
    }

    /// Whether this voids a token that was issued at `iat`, of `epoch` and, if a user's, of `session`.
    pub(crate) fn voids(&self, iat: i64, epoch: i64, session: Option<Uuid>) -> bool {
        let is_kept = session.is_some() && session == self.kept;
        iat < self.not_before || epoch < self.epoch && !is_kept
    }
}

/// `iat` has no fractions: a token issued in the second of `not_before` may be older, and is void.
fn rounded_up(time: &Timestamp) -> i64 {
    time.seconds.saturating_add(i64::from(time.nanos > 0))
}
