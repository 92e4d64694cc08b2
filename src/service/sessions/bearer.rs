//! Bearer tokens: whose they are, and whether their session still lives.

use super::Sessions;
use crate::{
    domain::{Session, User, size},
    service::{Error, known},
    store::{Credentials, LiveSession},
    token::Claims,
};

/// What is behind an access token that counts. Only this module makes one, so whatever asks for an `Account` can't be
/// reached without.
#[derive(Debug, Clone)]
pub struct Account {
    /// What the token says.
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

    /// Whether the session may change the account. The statement that changes it asks once more.
    ///
    /// # Errors
    /// The second factor is on and the session is from before, or from an operator's hand: it has not used it.
    pub(in crate::service) fn must_have_used_second_factor(&self) -> Result<(), Error> {
        if self.live.may_change_the_account() { Ok(()) } else { Err(Error::LoginAgainNeeded) }
    }
}

impl Sessions {
    /// Whose access token this is, if it is for us: the first of the configured audiences. Services whose tokens are for
    /// another one can't turn them against the accounts of their users (RFC 9068, section 4).
    ///
    /// # Errors
    /// A token that does not count; the store's.
    pub async fn authenticate(&self, jwt: &str) -> Result<Account, Error> {
        let ours = self.policy.audiences.get(..1).unwrap_or_default();
        let account = self.bearer(jwt, ours).await?.ok_or(Error::TokenInvalid)?;
        known::record(account.user().id, account.session().id);
        Ok(account)
    }

    /// What is behind an access token; nothing if it is not ours, is not for one of `audiences`, or its session has ended.
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
        // A signature says what was true when it was made; the store says what is true now.
        let live = self.store.session_live(claims.sid, now).await?;
        let live = live.filter(|live| live.credentials.user.id == claims.sub);
        Ok(live.map(|live| Account { claims, live }))
    }
}
