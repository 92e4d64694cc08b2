//! Bearer tokens: verification, and whether their session is still live.

use super::Sessions;
use crate::{
    domain::{Session, User, size},
    service::{Error, known},
    store::{Credentials, LiveSession},
    token::Claims,
};

/// The account behind a valid access token. Only this module constructs one, so a use case that takes an `Account`
/// requires authentication.
#[derive(Debug, Clone)]
pub struct Account {
    /// The token's claims.
    pub(super) claims: Claims,
    /// The session it was issued for, and the user as they are now.
    live: LiveSession,
}

impl Account {
    /// The session that the token was issued for.
    pub fn session(&self) -> &Session {
        &self.live.session
    }

    /// The user as they are now.
    pub fn user(&self) -> &User {
        &self.live.credentials.user
    }

    pub(in crate::service) fn credentials(&self) -> &Credentials {
        &self.live.credentials
    }

    /// Whether the session may change the account. The statement that changes it checks again (TOCTOU).
    ///
    /// # Errors
    /// The second factor is on, and the session has not used it: it began before, or an operator changed the factor.
    pub(in crate::service) fn must_have_used_second_factor(&self) -> Result<(), Error> {
        if self.live.may_change_the_account() { Ok(()) } else { Err(Error::LoginAgainNeeded) }
    }
}

impl Sessions {
    /// The account of an access token for our own audience: the first of the configured ones. A service that receives
    /// tokens for another audience can't use them against its users' accounts (RFC 9068, section 4).
    ///
    /// # Errors
    /// An invalid token; the store's.
    pub async fn authenticate(&self, jwt: &str) -> Result<Account, Error> {
        let ours = self.policy.audiences.get(..1).unwrap_or_default();
        let account = self.bearer(jwt, ours).await?.ok_or(Error::TokenInvalid)?;
        known::record(account.user().id, account.session().id);
        Ok(account)
    }

    /// The account of an access token; `None` if the token is not ours, is not for one of `audiences`, or its session
    /// has ended.
    pub(super) async fn bearer(
        &self,
        jwt: &str,
        audiences: &[String],
    ) -> Result<Option<Account>, Error> {
        if !size::ACCESS_TOKEN.fits(jwt) {
            return Ok(None);
        }
        let now = self.clock.now();
        let Ok(claims) = self.tokens.verify(jwt, audiences, now) else {
            return Ok(None);
        };
        // The signature proves the state at issuance; the store has the current one.
        let live = self.store.session_live(claims.sid, now).await?;
        let live = live.filter(|live| live.credentials.user.id == claims.sub);
        Ok(live.map(|live| Account { claims, live }))
    }
}
