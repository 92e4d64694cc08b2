//! Challenges: logins that wait for a second factor.

use std::net::IpAddr;

use async_trait::async_trait;

use super::{Reservation, Result, SealedMessage, SessionLimit, Spending};
use crate::domain::{Actor, Challenge, Session, Timestamp, User};

/// Challenges: logins that wait for a second factor.
#[async_trait]
pub trait Challenges {
    /// Adds a challenge, and the message with its code, if one is sent; if the user is enabled and the credentials are still
    /// those of that version. Returns whether it did.
    async fn challenge_create(
        &self,
        new: NewChallenge,
        message: Option<SealedMessage>,
    ) -> Result<bool>;

    /// Finds a challenge, also one that has expired or was answered, and its user; nothing if the user's credentials or second
    /// factors have changed since it began.
    async fn challenge_find(&self, id_mac: [u8; 32]) -> Result<Option<(Challenge, User)>>;

    /// Spends one attempt, before anything is compared: what is spent stays spent whatever happens next.
    async fn challenge_reserve(
        &self,
        id_mac: [u8; 32],
        max_attempts: u32,
        now: Timestamp,
    ) -> Result<Reservation<ReservedChallenge>>;

    /// Uses up the challenge and what proved the user, and begins the session: all of it, or nothing where one of them is
    /// spent already, the user is disabled, or their credentials or second factors have changed. The user's oldest sessions
    /// beyond `limit` end. Returns the session in the user's epoch, if it began.
    ///
    /// A code that was sent completes nothing for a user who has an app, whoever began the challenge. Otherwise it also shows
    /// that the address is the user's: that then counts as verified.
    async fn challenge_complete(
        &self,
        challenge: Challenge,
        session: Session,
        spending: Spending,
        limit: SessionLimit,
    ) -> Result<Option<Session>>;

    /// Replaces the code, if the cool-down is over, and adds the message with the new one. Spent attempts stay spent.
    async fn challenge_renew(
        &self,
        id_mac: [u8; 32],
        code_mac: [u8; 32],
        rules: CodeRules,
        message: SealedMessage,
    ) -> Result<Renewal>;
}

/// A challenge that is to be added.
#[derive(Debug, Clone)]
pub struct NewChallenge {
    /// The challenge.
    pub challenge: Challenge,
    /// The keyed digest of the id that the caller holds.
    pub id_mac: [u8; 32],
    /// The keyed digest of the code.
    pub code_mac: [u8; 32],
    /// Who asks, for the event.
    pub actor: Actor,
    /// Where the login comes from.
    pub address: Option<IpAddr>,
}

/// A challenge, and what answers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReservedChallenge {
    /// The challenge, this attempt counted.
    pub challenge: Challenge,
    /// The keyed digest of the right code.
    pub code_mac: [u8; 32],
}

/// When a code may be replaced, and until when the next one may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodeRules {
    /// The time of the request.
    pub now: Timestamp,
    /// From when the code after this one may be sent.
    pub next_resend_at: Timestamp,
    /// With so many attempts spent, no code helps any more.
    pub max_attempts: u32,
    /// Whether the new code is a long one.
    pub is_long_code: bool,
}

/// What came of replacing a code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Renewal {
    /// The new code counts, and this is the challenge as it now stands.
    Renewed(Challenge),
    /// The cool-down lasts until then.
    TooEarly(Timestamp),
    /// No attempt is left.
    Exhausted,
    /// The challenge is unknown, expired or used.
    Invalid,
}
