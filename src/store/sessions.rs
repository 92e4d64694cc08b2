//! Sessions: begun, refreshed, ended.

use std::time::Duration;

use async_trait::async_trait;
use uuid::Uuid;

use super::{Charge, Credentials, Result, Revoking, SealedMessage, Settled};
use crate::domain::{Session, Timestamp, User};

/// Sessions.
#[async_trait]
pub trait Sessions {
    /// Begins a session, if the user is enabled and the credentials are still those of that version. With that the login's own
    /// attempts are settled, and the user's oldest sessions beyond `limit` end. Returns the session in the user's epoch, if it
    /// began.
    async fn session_create(
        &self,
        session: Session,
        credential_version: i64,
        settled: Settled,
        limit: SessionLimit,
    ) -> Result<Option<Session>>;

    /// Finds a session that lives: not revoked, not expired, of its user's epoch, its user enabled and the credentials still
    /// those it began with. One without a second factor does not live while its user has one.
    async fn session_live(&self, id: Uuid, now: Timestamp) -> Result<Option<LiveSession>>;

    /// Finds a session that can be refreshed or could be once, whatever has become of it.
    async fn session_find(&self, id: Uuid) -> Result<Option<Session>>;

    /// The sessions of a user that live, the one used last first.
    async fn session_list(&self, user_id: Uuid, now: Timestamp) -> Result<Vec<Session>>;

    /// Moves a session that lives on to its next refresh token. Of many callers with one token at most one succeeds. A
    /// token that is not the session's current one, unless the request is the last one again, ends it if the refresh comes
    /// with a message to the user, and adds that message, if its budgets have room.
    async fn session_refresh(&self, refresh: Refresh) -> Result<Refreshed>;

    /// Ends a session of that user, and tells those who watch. Returns whether it had not been ended before.
    async fn session_revoke(&self, id: Uuid, user_id: Uuid, at: Revoking) -> Result<bool>;

    /// Ends a session of that user because another one of theirs, `asking`, says so, and tells those who watch. Returns
    /// whether `asking` lives; if it does not, nothing ends.
    async fn session_revoke_for(
        &self,
        id: Uuid,
        user_id: Uuid,
        asking: Uuid,
        at: Revoking,
    ) -> Result<bool>;

    /// Ends all of the user's sessions but the one that asks, in a few rows however many there are, and tells those who
    /// watch. Returns how many lived, 1,000 at the most; nothing, and ends none, where `asking` does not live.
    async fn session_revoke_others(
        &self,
        user_id: Uuid,
        asking: Uuid,
        at: Revoking,
    ) -> Result<Option<usize>>;
}

/// A session that lives, with its user.
#[derive(Debug, Clone)]
pub struct LiveSession {
    /// The session.
    pub session: Session,
    /// The user, whose account is enabled.
    pub credentials: Credentials,
}

impl LiveSession {
    /// Whether it may change the account: where the second factor is on, a session that has not used one may not.
    pub fn may_change_the_account(&self) -> bool {
        !self.credentials.user.is_2fa_enabled || self.session.has_used_second_factor()
    }
}

/// How many sessions a user may have. Whoever begins one more ends the oldest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionLimit {
    /// How many, the new one included.
    pub most: u32,
    /// When the last token of those that end has expired.
    pub tokens_expire_at: Timestamp,
}

/// A refresh that an authentic token asks for.
#[derive(Debug, Clone)]
pub struct Refresh {
    /// The token's session.
    pub session_id: Uuid,
    /// The token's number.
    pub number: i64,
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
pub enum Refreshed {
    /// The session has moved on, now or when the same request came first.
    Live(Box<LiveSession>),
    /// The token is not the current one of this user's session, and nothing has changed: the same refresh with a message to
    /// them ends the session.
    Stale(Box<User>),
    /// The token was not the current one: the session is over.
    Reused,
    /// The session had ended before.
    Ended,
}
