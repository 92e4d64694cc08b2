//! The outbox: messages that were committed and are not sent yet (ADR 13).

use std::time::Duration;

use async_trait::async_trait;
use uuid::Uuid;

use super::Result;
use crate::domain::{CodePurpose, Timestamp};

/// The longest that a message rests: while somebody sends it, or until the next try. A webhook may ask for an hour. Rows of an
/// earlier release, which do not say when their rest began, are bound by this alone.
pub const LONGEST_REST: Duration = Duration::from_secs(60 * 60);

/// The lease of a message's sender, or the backoff until its next try. Both times are by one clock, so that the beginning tells
/// whether that clock was ahead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rest {
    /// When it begins.
    pub since: Timestamp,
    /// When the message is due again.
    pub until: Timestamp,
}

impl Rest {
    /// A rest that begins at `now`.
    pub fn of(now: Timestamp, length: Duration) -> Self {
        Self { since: now, until: now.plus(length) }
    }
}

/// Messages to people. They get in by the methods that cause them.
#[async_trait]
pub trait Outbox {
    /// How many messages there are, and since when some are due.
    async fn outbox_state(&self, now: Timestamp) -> Result<OutboxState>;

    /// Takes messages that are due, for the caller alone until `until`: login codes, then other codes, then notices; of
    /// each, what was tried least, and then by turns, so that neither a source nor an account holds up the others.
    async fn outbox_claim(
        &self,
        now: Timestamp,
        until: Timestamp,
        places: Places,
    ) -> Result<Vec<ClaimedMessage>>;

    /// Keeps a message that takes long to send for the caller alone, for one more lease, if it was claimed by nobody else since
    /// that number of tries.
    async fn outbox_renew(&self, id: Uuid, tries: i32, lease: Rest) -> Result<Hold>;

    /// Gives a message back for after that rest, unless somebody else has claimed it since that number of tries. One that was
    /// withdrawn is removed.
    async fn outbox_postpone(&self, id: Uuid, tries: i32, rest: Rest) -> Result<()>;

    /// As [`Outbox::outbox_postpone`], and counts that nobody knows whether it was accepted.
    async fn outbox_postpone_unsure(&self, id: Uuid, tries: i32, rest: Rest) -> Result<()>;

    /// Makes messages due whose rest began later than `ahead` from now, some at a time: a clock that was ahead has put them off. Their rest is as
    /// long as it may be otherwise, and counts from now on where somebody may be sending the message: for `lease`, which begins now.
    /// Returns how many.
    async fn outbox_recall(&self, lease: Rest, ahead: Duration) -> Result<u64>;

    /// Removes a message: it was sent, or never will be.
    async fn outbox_remove(&self, id: Uuid) -> Result<()>;
}

/// What is sent before what. The numbers are what is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(i16)]
pub enum Priority {
    /// Somebody who knows their password waits for it.
    LoginCode = 0,
    /// A code that anybody may ask for.
    Code = 1,
    /// Nobody waits for it.
    Notice = 2,
}

impl Priority {
    /// All of them, the most urgent one first.
    pub const ALL: [Self; 3] = [Self::LoginCode, Self::Code, Self::Notice];

    /// What a later release has added is less urgent than all that is known.
    pub(super) fn kept_as(number: i16) -> Self {
        Self::ALL.into_iter().find(|priority| *priority as i16 == number).unwrap_or(Self::Notice)
    }
}

/// A message to a person, encrypted, that is to be sent if the transaction commits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedMessage {
    /// The message's id.
    pub id: Uuid,
    /// The message, encrypted for this id.
    pub sealed: Vec<u8>,
    /// When it was made, and from when it may be sent.
    pub created_at: Timestamp,
    /// From when it is of no use any more.
    pub expires_at: Timestamp,
    /// What it is sent before, and after.
    pub priority: Priority,
    /// The keyed digest of where the request came from that caused it.
    pub source: [u8; 32],
    /// The keyed digest of the mailbox that it goes to.
    pub account: [u8; 32],
    /// The code in it, if there is one: the message leaves with that.
    pub code: Option<SealedCode>,
}

/// Which code a message holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SealedCode {
    /// The id of the challenge, or of the mailbox code.
    pub code_id: Uuid,
    /// Whose it is.
    pub user_id: Uuid,
    /// What it is for.
    pub purpose: CodePurpose,
}

/// How many messages a caller can send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Places {
    /// In all.
    pub all: usize,
    /// Of these, for what is no login code.
    pub others: usize,
}

impl Places {
    /// For whatever is due.
    pub fn any(number: usize) -> Self {
        Self { all: number, others: number }
    }
}

/// Whose a message is that is being sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// Still the caller's.
    Held,
    /// Still the caller's, but of no use any more: what it says is void.
    Withdrawn,
    /// Somebody else's, or removed.
    Lost,
}

/// A message that the caller is to send, and nobody else for as long as was agreed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimedMessage {
    /// The message's id.
    pub id: Uuid,
    /// The message, encrypted for this id.
    pub sealed: Vec<u8>,
    /// How often it was claimed, this time included.
    pub tries: i32,
    /// How often nobody knew afterwards whether it was accepted.
    pub unsure: i32,
    /// From when it is of no use any more.
    pub expires_at: Timestamp,
    /// What it was sent before, and after.
    pub priority: Priority,
}

/// What the outbox holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutboxState {
    /// All messages; not counted beyond [`OutboxState::COUNTED`].
    pub waiting: i64,
    /// Since when the oldest one is due, by [`Priority`]; nothing where none is.
    pub due_since: [Option<Timestamp>; 3],
}

impl OutboxState {
    /// So many messages are counted: to count them all each second would cost the more the more there are.
    pub const COUNTED: i64 = 10_000;

    /// Whether any message may be sent now.
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
