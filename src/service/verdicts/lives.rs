//! Whether a token lives: by its signature, by what has ended, and where that does not tell by the database.

use std::{sync::Arc, time::Duration};

use super::{Verdicts, seen::Seen};
use crate::{
    domain::{Timestamp, size},
    service::{
        Error,
        revocations::{History, Verdict},
    },
};

impl Verdicts {
    /// A token that is ours, for one of our audiences, and has not expired.
    pub(super) fn signed(&self, jwt: &str, now: Timestamp) -> Option<Arc<Seen>> {
        let audiences = &self.policy.audiences;
        if !size::ACCESS_TOKEN.fits(jwt) {
            return None;
        }
        let verify = || self.tokens.verify(jwt, audiences, now).map(Seen::new);
        let seen = self.remembered.or_else(jwt, verify).ok()?;
        // Its key may have been withdrawn since.
        self.tokens.accepts(&seen.token, audiences, now).then_some(seen)
    }

    /// What memory tells, where the log was read within `max_age`; what has ended, also where it was not.
    pub(super) fn verdict(&self, seen: &Seen, max_age: Duration) -> Verdict {
        let verdict = self.revocations.verdict(&seen.token.ids, max_age);
        let may_lack_it = self.tokens.may_outlive_its_revocation(&seen.token);
        if may_lack_it && matches!(verdict, Verdict::Lives(_)) { Verdict::Unsure } else { verdict }
    }

    /// Whether a token lives that nothing has ended in this history: the database is asked once where it is older.
    pub(super) async fn lives_since(&self, seen: &Seen, history: History) -> Result<bool, Error> {
        if seen.is_in(history) {
            return Ok(true);
        }
        let lives = self.lives_in_the_database(seen).await?;
        if lives {
            seen.lives_in(history);
        }
        Ok(lives)
    }

    pub(super) async fn lives_in_the_database(&self, seen: &Seen) -> Result<bool, Error> {
        Ok(self.sessions.bearer_of(seen.token.claims.clone()).await?.is_some())
    }
}
