//! What a token is worth by what is in memory: for whoever can't wait for the database.

use std::time::Duration;

use tokio::time::timeout;

use super::{ActiveToken, Verdicts};
use crate::service::{Error, revocations::Verdict};

/// How long the database is waited for, where memory alone can't tell: Envoy waits 200 ms for `ext_authz`.
const DATABASE_DEADLINE: Duration = Duration::from_millis(100);

/// What a token is worth.
#[derive(Debug)]
pub enum Standing {
    /// It is good.
    Active(ActiveToken),
    /// It is not.
    Void,
    /// It was good when it was issued. Whether it was ended since can't be found out now.
    Unknown(ActiveToken),
    /// This replica has ended it, or was about to. Which of them can't be found out now.
    Doubtful,
}

impl Verdicts {
    /// What a token is worth, by a log of revocations that was read within `max_age`. What has ended is void, however long ago that was read.
    ///
    /// The database is asked once for a token that is older than what this replica has read, and for one that this replica is just
    /// ending. It is not asked where the log can't be followed: then it is away, and calls would pile up before it.
    pub async fn standing(&self, jwt: &str, max_age: Duration) -> Standing {
        let Some(seen) = self.signed(jwt, self.clock.now()) else { return Standing::Void };
        let verdict = self.verdict(&seen, max_age);
        let lives = match verdict {
            Verdict::Ended => Some(false),
            Verdict::Lives(history) => soon(self.lives_since(&seen, history)).await,
            Verdict::Ending | Verdict::Unsure => soon(self.lives_in_the_database(&seen)).await,
            Verdict::Behind => None,
        };
        match lives {
            Some(true) => Standing::Active(ActiveToken(seen)),
            Some(false) => Standing::Void,
            None if verdict == Verdict::Ending => Standing::Doubtful,
            None => Standing::Unknown(ActiveToken(seen)),
        }
    }

    /// Whether the log was read within `max_age`.
    pub fn know_within(&self, max_age: Duration) -> bool {
        self.revocations.were_read_within(max_age)
    }
}

/// What the database says, if it says it soon. The readiness check warns of one that does not.
async fn soon(lives: impl Future<Output = Result<bool, Error>>) -> Option<bool> {
    timeout(DATABASE_DEADLINE, lives).await.ok()?.ok()
}
