//! IntrospectToken: whether an access token is active, and its claims (RFC 7662).

use std::sync::Arc;

use super::{Verdicts, seen::Seen};
use crate::{
    service::{
        Error,
        revocations::{CURRENT, Verdict},
    },
    token::Claims,
};

/// A token that is active.
#[derive(Debug)]
pub struct ActiveToken(pub(super) Arc<Seen>);

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
        let lives = match self.verdict(&seen, CURRENT) {
            Verdict::Ended => false,
            Verdict::Lives(history) => self.lives_since(&seen, history).await?,
            Verdict::Ending | Verdict::Unsure | Verdict::Behind => {
                self.lives_in_the_database(&seen).await?
            }
        };
        Ok(lives.then_some(ActiveToken(seen)))
    }
}
