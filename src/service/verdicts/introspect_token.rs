//! IntrospectToken: whether an access token is active, and its claims (RFC 7662).

use std::sync::Arc;

use super::{Verdicts, seen::Seen};
use crate::{
    domain::{Timestamp, size},
    service::{Error, revocations::Verdict},
    token::Claims,
};

/// A token that is active.
#[derive(Debug)]
pub struct ActiveToken(Arc<Seen>);

impl ActiveToken {
    /// What it says.
    pub fn claims(&self) -> &Claims {
        &self.0.token.claims
    }
}

impl Verdicts {
    /// An active token; `None` for all others, and the answer does not tell why (RFC 7662, section 2.2).
    ///
    /// The signature proves that the token was good when it was issued, and the log of revocations has all that ends one
    /// before it expires (ADR 39). The database is asked where this replica has not just read the log, and once for a token
    /// that is older than what it has read.
    ///
    /// # Errors
    /// The store's.
    pub async fn introspect_token(&self, jwt: &str) -> Result<Option<ActiveToken>, Error> {
        let Some(seen) = self.signed(jwt, self.clock.now()) else { return Ok(None) };
        let lives = match self.verdict(&seen) {
            Verdict::Ended => false,
            Verdict::Lives(history) if seen.is_in(history) => true,
            Verdict::Lives(history) => {
                let lives = self.lives_in_the_database(&seen).await?;
                if lives {
                    seen.lives_in(history);
                }
                lives
            }
            Verdict::Unsure => self.lives_in_the_database(&seen).await?,
        };
        Ok(lives.then_some(ActiveToken(seen)))
    }

    /// A token that is ours, for one of our audiences, and has not expired.
    fn signed(&self, jwt: &str, now: Timestamp) -> Option<Arc<Seen>> {
        let audiences = &self.policy.audiences;
        if !size::ACCESS_TOKEN.fits(jwt) {
            return None;
        }
        let verify = || self.tokens.verify(jwt, audiences, now).map(Seen::new);
        let seen = self.remembered.or_else(jwt, verify).ok()?;
        // Its key may have been withdrawn since.
        self.tokens.accepts(&seen.token, audiences, now).then_some(seen)
    }

    fn verdict(&self, seen: &Seen) -> Verdict {
        if self.tokens.may_outlive_its_revocation(&seen.token) {
            return Verdict::Unsure;
        }
        self.revocations.verdict(&seen.token.ids)
    }

    async fn lives_in_the_database(&self, seen: &Seen) -> Result<bool, Error> {
        Ok(self.sessions.bearer_of(seen.token.claims.clone()).await?.is_some())
    }
}
