//! The values that cross the store's boundary and are nobody else's.

use std::{net::IpAddr, time::Duration};

use uuid::Uuid;

use super::{FactorChange, NewMailboxCode, SealedMessage};
use crate::domain::{
    Actor, Challenge, Charged, Event, EventKind, Revocation, Session, ThrottleRule, Timestamp, User,
};

/// A user that is to be added.
#[derive(Clone)]
pub struct NewUser {
    /// The user as it will be.
    pub user: User,
    /// The unique spelling of the username.
    pub username_key: String,
    /// The unique spelling of the e-mail address.
    pub email_key: String,
    /// The key in its place where another account has the address and has not verified it; none where that counts as taken.
    pub claim_key: Option<String>,
    /// Until when the address must be verified, or the account ends; never if empty.
    pub verify_by: Option<Timestamp>,
    /// The password's hash, in its stored format.
    pub password_hash: String,
    /// The request that made it, so that a retry finds it.
    pub request_id: Option<Uuid>,
    /// The code that is sent to the address, where it is to be verified.
    pub verification: Option<NewMailboxCode>,
    /// Who asks, for the event.
    pub actor: Actor,
    /// Where it comes from.
    pub address: Option<IpAddr>,
}

impl std::fmt::Debug for NewUser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewUser").field("user", &self.user.id).finish_non_exhaustive()
    }
}

/// A user with what is needed to check who they are.
#[derive(Clone)]
pub struct Credentials {
    /// The user.
    pub user: User,
    /// The password's hash, in its stored format.
    pub password_hash: String,
    /// Grows with every change of the credentials.
    pub credential_version: i64,
}

impl Credentials {
    /// The version that they begin with.
    pub const FIRST_VERSION: i64 = 1;
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("user", &self.user.id).finish_non_exhaustive()
    }
}

/// What stands in the way of a new user.
#[derive(Debug, Clone)]
pub enum Taken {
    /// A user that the same request made.
    RequestId(Box<Credentials>),
    /// The username.
    Username,
    /// The e-mail address.
    Email {
        /// Whether whoever has it has verified it.
        verified: bool,
    },
}

/// A session that lives, with its user.
#[derive(Debug, Clone)]
pub struct LiveSession {
    /// The session.
    pub session: Session,
    /// The user, whose account is enabled.
    pub credentials: Credentials,
}

/// How many sessions a user may have. Whoever begins one more ends the oldest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionLimit {
    /// How many, the new one included.
    pub most: u32,
    /// When the last token of those that end has expired.
    pub tokens_expire_at: Timestamp,
}

impl LiveSession {
    /// Whether it may change the account: where the second factor is on, a session that has not used one may not.
    pub fn may_change_the_account(&self) -> bool {
        !self.credentials.user.is_2fa_enabled || self.session.has_used_second_factor()
    }
}

/// When and from where something is revoked, and for how long that matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Revoking {
    /// The time of the request: tokens issued before it are void.
    pub now: Timestamp,
    /// When the last of them has expired.
    pub tokens_expire_at: Timestamp,
    /// Who asks, for its events.
    pub actor: Actor,
    /// Where the request comes from.
    pub address: Option<IpAddr>,
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

impl Revoking {
    /// The event of this request.
    pub(super) fn event(&self, kind: EventKind, user_id: Uuid, session_id: Uuid) -> Event {
        Event::of(kind, Some(user_id), Some(session_id), self.actor, self.address, self.now)
    }

    /// When the last token has expired of sessions of which one was last used then: perhaps by a clock that is ahead of the one of
    /// this request, and so is the end of its token.
    pub(super) fn tokens_expire_at(&self, last_used_at: Option<Timestamp>) -> Timestamp {
        let ahead = last_used_at.map_or(Duration::ZERO, |last| last.since(self.now));
        self.tokens_expire_at.plus(ahead)
    }

    /// The change that a session asks for with this request.
    pub(super) fn change(
        &self,
        user_id: Uuid,
        credential_version: i64,
        session_id: Uuid,
    ) -> FactorChange {
        let (session_id, actor) = (Some(session_id), self.actor);
        let (address, now) = (self.address, self.now);
        FactorChange { user_id, credential_version, session_id, actor, address, now }
    }
}

/// A revocation as it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NumberedRevocation {
    /// Its place in the order of the commits, from 1.
    pub seq: i64,
    /// What it voids.
    pub revocation: Revocation,
}

/// A refresh that an authentic token asks for.
#[derive(Debug, Clone)]
pub struct Refresh {
    /// The token's session.
    pub session_id: Uuid,
    /// The token's number.
    pub generation: i64,
    /// Names the request, so that it can be repeated.
    pub request_id: Option<Uuid>,
    /// For how long a request that is repeated gets the same answer.
    pub repeat_within: Duration,
    /// When the session then ends unless it is used before.
    pub idle_expires_at: Timestamp,
    /// When a session that began now would end at the latest.
    pub latest_end: Timestamp,
    /// The request, should it end the session.
    pub at: Revoking,
    /// What tells the owner of that. Without it no session ends.
    pub notice: Option<ReuseNotice>,
}

/// The message about a session that ends since its refresh token was used before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReuseNotice {
    /// The message.
    pub message: SealedMessage,
    /// What it counts against. Where one of these is used up the session ends without it.
    pub charges: Vec<Charge>,
}

/// What came of a refresh.
#[derive(Debug, Clone)]
pub enum Rotation {
    /// The session has moved on, now or when the same request came first.
    Rotated(Box<LiveSession>),
    /// The token is not the current one of this user's session, and nothing has changed: the same refresh with a message to
    /// them ends the session.
    Stale(Box<User>),
    /// The token was not the current one: the session is over.
    Reused,
    /// The session had ended before.
    Ended,
}

/// Another password for a user.
#[derive(Clone)]
pub struct PasswordChange {
    /// Whose.
    pub user_id: Uuid,
    /// The credentials that were checked.
    pub credential_version: i64,
    /// The session that asks.
    pub session_id: Uuid,
    /// The new password's hash, in its stored format.
    pub password_hash: String,
    /// The request.
    pub at: Revoking,
}

impl std::fmt::Debug for PasswordChange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PasswordChange").field("user", &self.user_id).finish_non_exhaustive()
    }
}

/// A challenge that is to be added.
#[derive(Debug, Clone)]
pub struct NewChallenge {
    /// The challenge.
    pub challenge: Challenge,
    /// The keyed digest of the id that the caller holds.
    pub token_mac: [u8; 32],
    /// The keyed digest of the code.
    pub code_mac: [u8; 32],
    /// Who asks, for the event.
    pub actor: Actor,
    /// Where the login comes from.
    pub address: Option<IpAddr>,
}

/// What came of spending an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reservation<T> {
    /// It is spent: what was typed may be compared with this.
    Reserved(T),
    /// There was none left.
    Exhausted,
    /// It is unknown, somebody else's, expired or used: nothing tells which.
    Invalid,
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

/// A budget that is charged with an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Charge {
    /// What it is counted by: a keyed digest.
    pub key: [u8; 32],
    /// How that is limited.
    pub rule: ThrottleRule,
}

/// What came of charging an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admission {
    /// It may be made; all budgets are charged, in the order in which they were named.
    Charged(Vec<Charged>),
    /// One of the budgets lets none through, and none of them is charged.
    Refused {
        /// The budget's rule; of the first of several.
        rule: ThrottleRule,
        /// There may be none before then.
        until: Timestamp,
    },
}

/// What becomes of attempts that did not fail.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settled {
    /// Rows of failures that are over: the key of each, and how many of the attempts it counts did not fail. One with 100 failures
    /// or more stays.
    pub forget: Vec<([u8; 32], u32)>,
    /// Budgets that get their attempt back, with what it was charged as where that is known.
    pub give_back: Vec<(Charge, Option<Charged>)>,
}

/// A signing key as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedKey {
    /// The key's id: the JWT header `kid`.
    pub id: Uuid,
    /// The JWS algorithm (RFC 7518, section 3.1).
    pub algorithm: String,
    /// Its number among the keys of its algorithm, from 1 on.
    pub generation: i64,
    /// The private key, encrypted; empty once it is of no use any more.
    pub sealed_private_key: Vec<u8>,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when it signs.
    pub signs_from: Timestamp,
    /// When it was put out of use, if it was.
    pub retired_at: Option<Timestamp>,
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

/// Which events are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventFilter {
    /// Whose; everybody's if empty.
    pub user_id: Option<Uuid>,
    /// Of which kind; all if empty.
    pub kind: Option<EventKind>,
    /// Not older than this.
    pub since: Timestamp,
    /// How many at the most.
    pub most: u32,
}

/// How the connections are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolUse {
    /// Open connections.
    pub open: u32,
    /// Those that wait for work.
    pub idle: u32,
    /// The most there may be.
    pub max: u32,
}
