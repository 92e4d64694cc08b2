//! Sessions: creation, refresh and revocation.

use std::time::Duration;

use async_trait::async_trait;
use uuid::Uuid;

use super::{BoundedNotice, Credentials, FactorChange, LoginDevice, Result, Revoking, Settled};
use crate::domain::{Session, Timestamp, User};

/// Sessions.
#[async_trait]
pub trait Sessions {
    /// Begins a session, if the user is enabled and their credential version unchanged. Also settles the login's own
    /// attempts, ends the user's oldest sessions beyond `limit`, and tells of an unknown device. Returns the session in the
    /// user's epoch, if it began.
    async fn session_create(
        &self,
        session: Session,
        credential_version: i64,
        settled: Settled,
        limit: SessionLimit,
        device: LoginDevice,
    ) -> Result<Option<Session>>;

    /// Consumes the code and begins the session of a login by it, and ends the user's oldest ones beyond the limit: all or nothing. Of
    /// concurrent callers one succeeds, and none if the user is disabled, their credentials have changed, or they have a second
    /// factor by now. Returns the session in the user's epoch, if it began.
    async fn email_login(&self, login: EmailLogin) -> Result<Option<Session>>;

    /// Finds a live session: not revoked, not expired, of its user's epoch, its user enabled and the credentials unchanged
    /// since it began. A session without a second factor is not live while its user has one.
    async fn session_live(&self, id: Uuid, now: Timestamp) -> Result<Option<LiveSession>>;

    /// Finds a session that has a refresh token, live or not.
    async fn session_find(&self, id: Uuid) -> Result<Option<Session>>;

    /// Up to `most` live sessions of a user, the most recently used first, from behind that place.
    async fn session_list(
        &self,
        user_id: Uuid,
        now: Timestamp,
        after: Option<SessionPlace>,
        most: u32,
    ) -> Result<Vec<Session>>;

    /// Refresh token rotation: moves a live session on to its next token. Of concurrent callers with one token at most one
    /// succeeds. Any other token than the current one, unless the request repeats the last one (by its id, or within the grace), revokes the session if the
    /// refresh comes with a message to the user, and adds that message, if its budgets have room.
    async fn session_refresh(&self, refresh: Refresh) -> Result<Refreshed>;

    /// Notes that the user of the session that asks has given the password once more, if it is live, the credentials are those that
    /// were checked, and there is no second factor. Returns the session as it is then.
    async fn session_reauthenticate(&self, change: FactorChange) -> Result<Option<Session>>;

    /// Revokes a session of that user, and appends the revocation. Returns whether it was not revoked before.
    async fn session_revoke(&self, id: Uuid, user_id: Uuid, at: Revoking) -> Result<bool>;

    /// Revokes a session on behalf of another one of the user's, `asking`, and appends the revocation. Returns whether
    /// `asking` is live; if it is not, nothing is revoked.
    async fn session_revoke_for(
        &self,
        id: Uuid,
        user_id: Uuid,
        asking: Uuid,
        at: Revoking,
    ) -> Result<bool>;

    /// Revokes all of the user's sessions but the calling one, in a few rows however many there are, and appends the
    /// revocation. Returns how many were live, 1,000 at most; `None`, and revokes none, where `asking` is not live.
    async fn session_revoke_others(
        &self,
        user_id: Uuid,
        asking: Uuid,
        at: Revoking,
    ) -> Result<Option<usize>>;
}

/// The place of a session in the list of its user's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionPlace {
    /// When it was last used.
    pub last_used_at: Timestamp,
    /// Its id.
    pub id: Uuid,
}

impl SessionPlace {
    /// The place before all sessions: the end of the year 9999.
    pub(super) const FIRST: Self = Self {
        last_used_at: Timestamp::from_unix_micros(253_402_300_799_000_000),
        id: Uuid::nil(),
    };
}

/// A live session with its user.
#[derive(Debug, Clone)]
pub struct LiveSession {
    /// The session.
    pub session: Session,
    /// The user, whose account is enabled.
    pub credentials: Credentials,
}

impl LiveSession {
    /// Whether the session may change the account: where the second factor is on, only if it has used one.
    pub fn may_change_the_account(&self) -> bool {
        !self.credentials.user.is_2fa_enabled || self.session.has_used_second_factor()
    }
}

/// The most sessions of a user. Each new one beyond it ends the oldest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionLimit {
    /// The limit, including the new session.
    pub most: u32,
    /// The expiry of the ended sessions' last token.
    pub tokens_expire_at: Timestamp,
}

/// A refresh by an authentic token.
#[derive(Debug, Clone)]
pub struct Refresh {
    /// The token's session.
    pub session_id: Uuid,
    /// The token's number.
    pub number: i64,
    /// The idempotency key of the request.
    pub request_id: Option<Uuid>,
    /// How long a retry gets the same answer.
    pub repeat_within: Duration,
    /// How long any other repeat of the last token does; zero is not at all.
    pub grace: Duration,
    /// The session's next expiry if it idles.
    pub idle_expires_at: Timestamp,
    /// The latest end of a session that began now.
    pub latest_end: Timestamp,
    /// The request, should it revoke the session.
    pub at: Revoking,
    /// The message to the owner about that. Without it no session is revoked.
    pub notice: Option<BoundedNotice>,
}

/// A login by a code that was right.
#[derive(Debug, Clone)]
pub struct EmailLogin {
    /// The code.
    pub code_id: Uuid,
    /// The session to begin.
    pub session: Session,
    /// The credentials for which the code was sent.
    pub credential_version: i64,
    /// The most sessions of the user.
    pub limit: SessionLimit,
    /// What is told of its device.
    pub device: LoginDevice,
}

/// The result of a refresh.
#[derive(Debug, Clone)]
pub enum Refreshed {
    /// The session has moved on, now or by the same request before (idempotent).
    Live(Box<LiveSession>),
    /// The token is not the current one, and nothing has changed: the same refresh with a message to this user revokes the
    /// session.
    Stale(Box<User>),
    /// The token was not the current one: the session is revoked.
    Reused,
    /// The session was not live.
    Ended,
}
