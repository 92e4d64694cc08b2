//! The transactional outbox: messages that are committed and not sent yet (ADR 13).

use std::time::Duration;

use async_trait::async_trait;
use uuid::Uuid;

use super::Result;
use crate::domain::{CodePurpose, Timestamp};

/// Upper bound of a message's rest: a sender's lease, or a backoff. A webhook may ask for an hour. Rows of an earlier
/// release, which do not say when their rest began, are bound by this alone.
pub const LONGEST_REST: Duration = Duration::from_secs(60 * 60);

/// The lease of a message's sender, or the backoff until its next try. Both times are by one clock, so that the beginning tells
/// whether that clock was ahead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rest {
    /// Its start.
    pub since: Timestamp,
    /// Its end: the message is due again.
    pub until: Timestamp,
}

impl Rest {
    /// A rest that begins at `now`.
    pub fn of(now: Timestamp, length: Duration) -> Self {
        Self { since: now, until: now.plus(length) }
    }
}

/// The outbox. Messages are added by the methods that cause them.
#[async_trait]
pub trait Outbox {
    /// The number of messages, and since when some are due.
    async fn outbox_state(&self, now: Timestamp) -> Result<OutboxState>;

    /// Claims due messages until `until`: login codes, then other codes, then notices; within each, those with fewest tries
    /// first, and then round robin, so that neither a source nor an account holds up the others.
    async fn outbox_claim(
        &self,
        now: Timestamp,
        until: Timestamp,
        places: Places,
    ) -> Result<Vec<ClaimedMessage>>;

    /// Renews the lease of a message that takes long to send, if no later claim has been made (`tries`, optimistic
    /// concurrency).
    async fn outbox_renew(&self, id: Uuid, tries: i32, lease: Rest) -> Result<Hold>;

    /// Returns a message for a retry after that rest, unless a later claim has been made (`tries`). A withdrawn one is
    /// deleted.
    async fn outbox_postpone(&self, id: Uuid, tries: i32, rest: Rest) -> Result<()>;

    /// Like [`Outbox::outbox_postpone`], and counts an ambiguous failure: the message may have been accepted.
    async fn outbox_postpone_unsure(&self, id: Uuid, tries: i32, rest: Rest) -> Result<()>;

    /// Makes messages due whose rest began later than `ahead` from now, some at a time: a clock that was ahead has put them
    /// off. Their rest is within its bound otherwise. Where a sender may be active, it counts from now on, for `lease`.
    /// Returns how many.
    async fn outbox_recall(&self, lease: Rest, ahead: Duration) -> Result<u64>;

    /// Deletes a message: it was sent, or never will be.
    async fn outbox_remove(&self, id: Uuid) -> Result<()>;
}

/// The order of sending. The numbers are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(i16)]
pub enum Priority {
    /// Awaited by a user who knows their password.
    LoginCode = 0,
    /// A code that any caller may request.
    Code = 1,
    /// Not awaited.
    Notice = 2,
}

impl Priority {
    /// All priorities, most urgent first.
    pub const ALL: [Self; 3] = [Self::LoginCode, Self::Code, Self::Notice];

    /// The priority of a stored number. Those of a later release count as least urgent.
    pub(super) fn kept_as(number: i16) -> Self {
        Self::ALL.into_iter().find(|priority| *priority as i16 == number).unwrap_or(Self::Notice)
    }
}

/// An encrypted message to a person; it is sent if the transaction commits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedMessage {
    /// The message's id.
    pub id: Uuid,
    /// The message, encrypted for this id.
    pub sealed: Vec<u8>,
    /// The time of creation, from which it may be sent.
    pub created_at: Timestamp,
    /// Expiry.
    pub expires_at: Timestamp,
    /// Its rank.
    pub priority: Priority,
    /// The keyed digest of the source of the causing request.
    pub source: [u8; 32],
    /// The keyed digest of the recipient's mailbox.
    pub account: [u8; 32],
    /// The code in it, if there is one: voiding the code withdraws the message.
    pub code: Option<SealedCode>,
}

/// The code that a message holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SealedCode {
    /// The id of the challenge, or of the mailbox code.
    pub code_id: Uuid,
    /// The user.
    pub user_id: Uuid,
    /// The purpose.
    pub purpose: CodePurpose,
}

/// The caller's capacity for messages (backpressure).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Places {
    /// The total.
    pub all: usize,
    /// Of these, the part for messages that are no login codes.
    pub others: usize,
}

impl Places {
    /// Places for any message.
    pub fn any(number: usize) -> Self {
        Self { all: number, others: number }
    }
}

/// The state of a claim on a message that is being sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// Still the caller's.
    Held,
    /// Still the caller's, but void: stop sending.
    Withdrawn,
    /// Claimed by another sender, or deleted.
    Lost,
}

/// A message that the caller holds the lease of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimedMessage {
    /// The message's id.
    pub id: Uuid,
    /// The message, encrypted for this id.
    pub sealed: Vec<u8>,
    /// The number of claims, including this one.
    pub tries: i32,
    /// The number of ambiguous failures, after which the message may have been accepted.
    pub unsure: i32,
    /// Expiry.
    pub expires_at: Timestamp,
    /// Its rank.
    pub priority: Priority,
}

/// Contents of the outbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutboxState {
    /// All messages; not counted beyond [`OutboxState::COUNTED`].
    pub waiting: i64,
    /// Since when the oldest one is due, by [`Priority`]; `None` where none is.
    pub due_since: [Option<Timestamp>; 3],
}

impl OutboxState {
    /// Upper bound of the count: counting all each second would cost more the longer the outbox is.
    pub const COUNTED: i64 = 10_000;

    /// Whether any message is due.
    pub fn is_due(&self) -> bool {
        self.due_since.iter().any(Option::is_some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_priority_is_read_back_and_an_unknown_one_is_the_last() {
        for priority in Priority::ALL {
            assert_eq!(Priority::kept_as(priority as i16), priority);
        }
        assert_eq!(Priority::kept_as(7), Priority::Notice);
    }
}
