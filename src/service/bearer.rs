//! Bearer tokens: whose they are, and whether their session still lives.

use super::{Error, UseCases};
use crate::{store::LiveSession, token::Claims};

/// An access token that counts.
#[derive(Debug)]
pub(super) struct Bearer {
    /// What it says.
    pub(super) claims: Claims,
    /// The session it was issued for, and the user as they are now.
    pub(super) live: LiveSession,
}

impl UseCases {
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
