//! RefreshToken: token rotation, with reuse detection. A retry with the same `request_id` is idempotent, and so is any repeat
//! within the grace: several tabs of a browser share one token (ADR 48).
//!
//! An access token does not outlive its session: `issue` in `token/access.rs`.

use std::time::Duration;

use super::{Sessions, session::Tokens};
use crate::{
    delivery::Notice,
    domain::{Context, Session, User, request_id, size},
    service::{Error, fields::check_sizes, known},
    store::{BoundedNotice, Refresh, Refreshed},
    token::{OpaqueToken, RefreshToken},
};

/// How long a caller who missed the answer may retry the same request: as long as a fail-over of the database may take.
/// A thief with the token alone gains nothing (ADR 9).
const REPEAT_WITHIN: Duration = Duration::from_secs(120);

/// The request.
#[derive(Debug)]
pub struct RefreshTokenRequest {
    /// The refresh token.
    pub refresh_token: OpaqueToken,
    /// The idempotency key (AIP-155) for retries; may be empty.
    pub request_id: String,
}

impl Sessions {
    /// Rotates a session's tokens.
    ///
    /// # Errors
    /// Bad fields; an invalid token; a reused one, which ends its session; the store's.
    pub async fn refresh_token(
        &self,
        context: &Context,
        request: RefreshTokenRequest,
    ) -> Result<Tokens, Error> {
        check_sizes([(size::REQUEST_ID, &request.request_id)])?;
        let request_id = request_id(&request.request_id)?;
        // A forged token costs one look-up: it can't end a session, nor lock its row.
        let (token, session) = self.session_of_refresh_token(&request.refresh_token).await?;
        let now = self.clock.now();
        let refresh = Refresh {
            session_id: session.id,
            number: token.number,
            request_id,
            repeat_within: REPEAT_WITHIN,
            grace: self.policy.refresh_grace,
            idle_expires_at: session.expires_at.min(now.plus(self.policy.session_idle_ttl)),
            latest_end: now.plus(self.policy.session_ttl),
            at: self.revoking(context, now),
            notice: None,
        };
        match self.refresh(context, refresh).await? {
            Refreshed::Live(live) => self.issue(&live.credentials.user, &live.session, now),
            Refreshed::Reused => {
                self.outbox.wake();
                Err(Error::RefreshReused)
            }
            Refreshed::Stale(_) | Refreshed::Ended => Err(Error::TokenInvalid),
        }
    }

    /// Reuse detection: thief and owner hold the same token, and the second use shows that there are two. Nothing tells
    /// which is which, so the session ends for both, and the owner is told. The notice is composed only when it is
    /// needed: composing it would slow down every refresh.
    async fn refresh(&self, context: &Context, refresh: Refresh) -> Result<Refreshed, Error> {
        let refreshed = self.store.session_refresh(refresh.clone()).await?;
        let Refreshed::Stale(user) = refreshed else { return Ok(refreshed) };
        let notice = Some(self.reuse_notice(context, &user)?);
        Ok(self.store.session_refresh(Refresh { notice, ..refresh }).await?)
    }

    fn reuse_notice(&self, context: &Context, user: &User) -> Result<BoundedNotice, Error> {
        let message = self.outbox.notice(context, user, Notice::RefreshReused)?;
        // Once a day: an attacker with the password could flood the mailbox, session after session.
        let charges = vec![
            self.limits.daily_notice_charge(user, b"refresh reused"),
            self.limits.notice_charge(user),
        ];
        Ok(BoundedNotice { message, charges })
    }

    /// A refresh token that we issued, spent or not, and its session, live or not.
    pub(super) async fn session_of_refresh_token(
        &self,
        text: &OpaqueToken,
    ) -> Result<(RefreshToken, Session), Error> {
        let token = RefreshToken::parse(text.expose()).ok_or(Error::TokenInvalid)?;
        let session = self.store.session_find(token.session_id).await?;
        let session = session.filter(|session| token.is_of(&self.master_key, session));
        let session = session.ok_or(Error::TokenInvalid)?;
        known::record(session.user_id, session.id);
        Ok((token, session))
    }
}
