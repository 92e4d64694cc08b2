//! The janitor: removes what is of no use any more. One replica at a time does, a little at a time.

use std::{sync::Arc, time::Duration};

use uuid::Uuid;

use super::{Clock, KeyKeeper, UseCases};
use crate::{
    domain::Timestamp,
    store::{self, Ended, Lease, Store},
};

/// How long the others wait for a replica that does not come back. Where clocks differ by more, two clean at a time, which
/// costs time and does no harm.
const LEASE: Duration = Duration::from_secs(180);

/// The rows that one transaction removes.
const BATCH: u32 = 500;

/// From one batch to the next: others want to write, too.
const PAUSE: Duration = Duration::from_millis(50);

/// The batches of one run. What is left, the next one removes.
const MOST_BATCHES: u32 = 200;

/// How long what has ended is kept, for clocks that differ and for whoever wants to know why something ended.
const GRACE: Duration = Duration::from_secs(3600);

/// One replica's janitor.
#[derive(Debug, Clone)]
pub struct Janitor {
    store: Arc<dyn Store>,
    keys: Option<KeyKeeper>,
    token_ttl: Duration,
    event_retention: Duration,
    clock: Clock,
    holder: Uuid,
}

impl Janitor {
    /// The janitor of a replica.
    pub fn new(replica: &UseCases) -> Self {
        Self {
            store: Arc::clone(&replica.store),
            keys: replica.keys.clone(),
            token_ttl: replica.tokens.ttl(),
            event_retention: replica.policy.event_retention,
            clock: replica.clock.clone(),
            holder: Uuid::now_v7(),
        }
    }

    /// Removes what has ended, if it is this replica's turn. Returns how many rows that were; nothing if it is another's turn.
    ///
    /// # Errors
    /// The store's. What was removed by then stays removed.
    pub async fn run(&self) -> Result<Option<u64>, store::Error> {
        if !self.has_the_lease().await? {
            return Ok(None);
        }
        let mut removed = 0;
        for ended in [
            Ended::Challenges,
            Ended::MailboxCodes,
            Ended::Enrollments,
            Ended::Sessions,
            Ended::DeletedSessions,
            Ended::DeletedChallenges,
            Ended::DeletedApps,
            Ended::DeletedRecoveryCodes,
            Ended::DeletedUsers,
            Ended::Revocations,
            Ended::Throttles,
            Ended::Events,
        ] {
            removed += self.remove(ended).await?;
        }
        if let Some(keys) = &self.keys {
            keys.forget().await?;
        }
        Ok(Some(removed))
    }

    async fn remove(&self, ended: Ended) -> Result<u64, store::Error> {
        let mut removed = 0;
        for _ in 0..MOST_BATCHES {
            let batch = self.store.ended_remove(ended, self.kept_from(ended), BATCH).await?;
            removed += batch;
            if batch < u64::from(BATCH) {
                break;
            }
            tokio::time::sleep(PAUSE).await;
            if !self.has_the_lease().await? {
                break;
            }
        }
        Ok(removed)
    }

    /// What ended before this is of no use.
    fn kept_from(&self, ended: Ended) -> Timestamp {
        let kept = match ended {
            Ended::Challenges
            | Ended::MailboxCodes
            | Ended::Enrollments
            | Ended::Revocations
            | Ended::Throttles => GRACE,
            // Its last access token may still be asked about.
            Ended::Sessions => self.token_ttl + GRACE,
            // There are names of devices and addresses in them, and nobody whose they are.
            Ended::DeletedSessions
            | Ended::DeletedChallenges
            | Ended::DeletedApps
            | Ended::DeletedRecoveryCodes
            | Ended::DeletedUsers => Duration::ZERO,
            // As long as was promised, and no longer: addresses are personal data.
            Ended::Events => self.event_retention,
        };
        self.clock.now().minus(kept)
    }

    async fn has_the_lease(&self) -> Result<bool, store::Error> {
        let now = self.clock.now();
        let (name, holder, expires_at) = ("janitor", self.holder, now.plus(LEASE));
        self.store.lease_take(Lease { name, holder, now, expires_at }).await
    }
}
