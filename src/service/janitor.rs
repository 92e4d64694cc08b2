//! The janitor: removes what is of no use any more. One replica at a time does, a little at a time.

use std::{sync::Arc, time::Duration};

use uuid::Uuid;

use super::{Clock, KeyKeeper, UseCases};
use crate::{
    domain::{Actor, CLOCK_SKEW, Timestamp},
    store::{self, Ended, Lease, Revoking, Store},
};

/// How long the others wait for a replica that does not come back. Where clocks differ by more, two clean at a time, which
/// costs time and does no harm.
const LEASE: Duration = Duration::from_secs(180);

/// The rows that one transaction removes.
const BATCH: u32 = 500;

/// The accounts that one transaction ends: each goes with its sessions and all else that is its.
const ACCOUNTS: u32 = 100;

/// From one batch to the next: others want to write, too.
const PAUSE: Duration = Duration::from_millis(50);

/// The batches of one run. What is left, the next one removes.
const MOST_BATCHES: u32 = 200;

/// How long what has ended is kept, for clocks that differ and for whoever wants to know why something ended.
const GRACE: Duration = Duration::from_secs(3600);

/// Further than any clock is wrong by.
const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// One replica's janitor.
#[derive(Debug, Clone)]
pub struct Janitor {
    store: Arc<dyn Store>,
    keys: Option<KeyKeeper>,
    token_ttl: Duration,
    event_retention: Duration,
    /// Whether accounts end that do not verify their address.
    verifies: bool,
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
            verifies: replica.policy.email_verification,
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
        let mut removed = if self.verifies { self.end_unverified().await? } else { 0 };
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

    /// Ends the accounts that have not verified their address in time. Not while nobody is asked to: an operator who turns that
    /// off, because no mail gets through, loses no account.
    async fn end_unverified(&self) -> Result<u64, store::Error> {
        let mut all = 0;
        for _ in 0..MOST_BATCHES {
            let now = self.clock.now();
            let tokens_expire_at = now.plus(self.token_ttl).plus(CLOCK_SKEW);
            let at = Revoking { now, tokens_expire_at, actor: Actor::Nobody, address: None };
            let batch = self.store.unverified_users_end(at, ACCOUNTS).await?;
            all += batch;
            if batch < u64::from(ACCOUNTS) || !self.goes_on().await? {
                break;
            }
        }
        Ok(all)
    }

    async fn remove(&self, ended: Ended) -> Result<u64, store::Error> {
        let mut removed = 0;
        for _ in 0..MOST_BATCHES {
            let batch = self.store.ended_remove(ended, self.kept_from(ended), BATCH).await?;
            removed += batch;
            if batch < u64::from(BATCH) || !self.goes_on().await? {
                break;
            }
        }
        Ok(removed)
    }

    /// Lets others write, and asks whether it is still this replica's turn.
    async fn goes_on(&self) -> Result<bool, store::Error> {
        tokio::time::sleep(PAUSE).await;
        self.has_the_lease().await
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
            // There are names of devices and addresses in them, and nobody whose they are. Whatever the clock said at their
            // deletion.
            Ended::DeletedSessions
            | Ended::DeletedChallenges
            | Ended::DeletedApps
            | Ended::DeletedRecoveryCodes
            | Ended::DeletedUsers => return self.clock.now().plus(CENTURY),
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
