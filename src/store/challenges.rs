//! Challenges: logins that wait for a second factor.

use std::net::IpAddr;

use async_trait::async_trait;
use uuid::Uuid;

use super::{
    CarriedOut, Charge, LoginDevice, Reservation, Result, SealedMessage, SessionLimit, Settled,
    Spending,
};
use crate::domain::{Actor, Challenge, Session, Timestamp, User};

/// Challenges: logins that wait for a second factor.
#[async_trait]
pub trait Challenges {
    /// Adds a challenge, and the message with its code, if one is sent; if the user is enabled and their credential version
    /// unchanged, the charge of the message is admitted, and the mailbox code that it began with is unused, which is consumed. Refunds
    /// the attempts of the password. Returns whether it did.
    async fn challenge_create(
        &self,
        new: NewChallenge,
        message: Option<SealedMessage>,
    ) -> Result<bool>;

    /// Finds a challenge and its user, also an expired or answered one; `None` if the user's credentials or second factors
    /// have changed since it began.
    async fn challenge_find(&self, id_mac: [u8; 32]) -> Result<Option<(Challenge, User)>>;

    /// Reserves an attempt before any comparison (brute force): it stays spent whatever happens next.
    async fn challenge_reserve(
        &self,
        id_mac: [u8; 32],
        max_attempts: u32,
        now: Timestamp,
    ) -> Result<Reservation<ReservedChallenge>>;

    /// Consumes the challenge and the user's proof, and begins the session, or proves the challenge's session once more: all or
    /// nothing. Nothing where one of them is spent already, the user is disabled, their credentials or second factors have
    /// changed, or the session to be proved is not live. With a new session the user's oldest ones beyond `limit` end, and
    /// an unknown device is told of. Returns the session as it is then.
    ///
    /// A mailed code completes nothing for a user who has an app, even if the challenge began before, nor where the challenge
    /// itself began with one. Otherwise it also verifies the address. Attempts are refunded as `settled` says.
    async fn challenge_complete(
        &self,
        challenge: Challenge,
        session: Session,
        spending: Spending,
        settled: Settled,
        limit: SessionLimit,
        device: LoginDevice,
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

/// A new challenge.
#[derive(Debug, Clone)]
pub struct NewChallenge {
    /// The challenge.
    pub challenge: Challenge,
    /// The keyed digest of the id that the caller holds.
    pub id_mac: [u8; 32],
    /// The keyed digest of the code.
    pub code_mac: [u8; 32],
    /// The actor, for the event.
    pub actor: Actor,
    /// The client address of the login.
    pub address: Option<IpAddr>,
    /// The refund of the attempts of its password.
    pub settled: Settled,
    /// The charge of the message.
    pub mail: Option<Charge>,
    /// The mailbox code that it began with; `None` after a password.
    pub code_id: Option<Uuid>,
}

/// A challenge with its expected answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReservedChallenge {
    /// The challenge, including this attempt.
    pub challenge: Challenge,
    /// The keyed digest of the right code.
    pub code_mac: [u8; 32],
}

/// Rules for replacing a code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeRules {
    /// The time of the request.
    pub now: Timestamp,
    /// The earliest time of the code after this one.
    pub next_resend_at: Timestamp,
    /// The limit of attempts: once spent, a new code is useless.
    pub max_attempts: u32,
    /// Whether the new code is a long one.
    pub is_long_code: bool,
    /// What is noted of the request, if its caller may send it again.
    pub carried_out: Option<CarriedOut>,
}

/// The result of replacing a code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Renewal {
    /// Success, with the challenge as it now is.
    Renewed(Challenge),
    /// The cool-down lasts until then.
    TooEarly(Timestamp),
    /// No attempt is left.
    Exhausted,
    /// The challenge is unknown, expired or used.
    Invalid,
}
