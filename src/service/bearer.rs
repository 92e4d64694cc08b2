//! Bearer tokens: whose they are, and whether their session still lives.

use super::{Error, UseCases};
use crate::{
    domain::{Session, User},
    store::{Credentials, LiveSession},
    token::Claims,
};

/// An access token that counts.
#[derive(Debug, Clone)]
pub(super) struct Bearer {
    /// What it says.
    pub(super) claims: Claims,
    /// The session it was issued for, and the user as they are now.
    pub(super) live: LiveSession,
}

/// Who makes a call, shown by an access token that counts. Only [`UseCases::authenticate`] makes one, so whatever asks for
/// an `Account` can't be reached without.
#[derive(Debug, Clone)]
pub struct Account(Bearer);

impl Account {
    /// What the token says.
    pub fn claims(&self) -> &Claims {
        &self.0.claims
    }

    /// The session that the token was issued for.
    pub fn session(&self) -> &Session {
        &self.0.live.session
    }

    /// The user as they are now.
    pub fn user(&self) -> &User {
        &self.0.live.credentials.user
    }

    pub(super) fn credentials(&self) -> &Credentials {
        &self.0.live.credentials
    }
}

impl UseCases {
    /// Whose access token this is.
    ///
    /// # Errors
    /// A token that does not count; the store's.
    pub async fn authenticate(&self, jwt: &str) -> Result<Account, Error> {
        self.bearer(jwt).await?.map(Account).ok_or(Error::TokenInvalid)
    }

    /// What is behind an access token; nothing if it is not ours, is for nobody we issue for, or its session has ended.
    pub(super) async fn bearer(&self, jwt: &str) -> Result<Option<Bearer>, Error> {
        let now = self.clock.now();
        let Ok(claims) = self.tokens.verify(jwt, &self.policy.audiences, now) else {
            return Ok(None);
        };
        // A signature says what was true when it was made; the store says what is true now.
        let live = self.store.session_live(claims.sid, now).await?;
        let live = live.filter(|live| live.credentials.user.id == claims.sub);
        Ok(live.map(|live| Bearer { claims, live }))
    }
}
