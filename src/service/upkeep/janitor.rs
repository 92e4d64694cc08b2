//! The janitor: deletes expired rows in batches. One replica at a time does, by a lease.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use uuid::Uuid;

use crate::{
    domain::{Actor, CLOCK_SKEW, Policy, Timestamp},
    service::{Clock, keys::Keys},
    store::{self, Ended, Lease, LeaseTaken, Revoking, Store},
};

/// How long the others wait for a replica that does not come back. Where clocks differ by more, two take it in turns, and the one
/// that is ahead removes nothing (ADR 23).
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
    keys: Arc<Keys>,
    token_ttl: Duration,
    event_retention: Duration,
    /// Whether accounts end that do not verify their address.
    verifies: bool,
    clock: Clock,
    holder: Uuid,
    doubt: Arc<Mutex<Option<Doubt>>>,
}

/// Whether this replica's clock may be ahead: it took the lease of another one which, by this clock, had been over for long. Either
/// nobody was there, or that one takes it back.
#[derive(Debug, Clone, Copy)]
struct Doubt {
    /// Since when, by the stopwatch.
    since: Duration,
    told: bool,
}

impl Janitor {
    /// The janitor of a replica.
    pub fn new(store: Arc<dyn Store>, keys: Arc<Keys>, policy: &Policy, clock: Clock) -> Self {
        Self {
            store,
            token_ttl: keys.token_ttl(),
            keys,
            event_retention: policy.event_retention,
            verifies: policy.email_verification,
            clock,
            holder: Uuid::now_v7(),
            doubt: Arc::default(),
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
        if self.verifies && !self.is_in_doubt() {
            removed += self.end_unverified().await?;
        }
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
        if !self.is_in_doubt() {
            self.keys.forget().await?;
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
            if batch < u64::from(ACCOUNTS) || !self.goes_on().await? || self.is_in_doubt() {
                break;
            }
        }
        Ok(all)
    }

    async fn remove(&self, ended: Ended) -> Result<u64, store::Error> {
        let mut removed = 0;
        for _ in 0..MOST_BATCHES {
            if goes_by_the_clock(ended) && self.is_in_doubt() {
                break;
            }
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
        let taken = self.store.lease_take(Lease { name, holder, now, expires_at }).await?;
        if taken == LeaseTaken::LongOver {
            self.begin_to_doubt();
        }
        Ok(taken != LeaseTaken::No)
    }

    /// If another replica is there, it takes the lease back: to its clock, this one's ends in the future. Then this one takes it
    /// again, and so on: of two clocks that differ, the one that is behind removes.
    fn begin_to_doubt(&self) {
        let since = self.clock.elapsed();
        let mut doubt = self.doubt.lock().unwrap_or_else(PoisonError::into_inner);
        let before = doubt.filter(|before| since < before.since + 2 * LEASE);
        if before.is_some_and(|before| !before.told) {
            tracing::warn!(
                "this replica's clock is minutes ahead of another one's: as long as that is so, it removes nothing that has ended by \
                 its own clock"
            );
        }
        *doubt = Some(Doubt { since, told: before.is_some() });
    }

    /// Until nobody has spoken against this clock for as long as a lease lasts.
    fn is_in_doubt(&self) -> bool {
        let doubt = *self.doubt.lock().unwrap_or_else(PoisonError::into_inner);
        doubt.is_some_and(|doubt| self.clock.elapsed() < doubt.since + LEASE)
    }
}

/// What deleted users have left goes whatever the time is.
fn goes_by_the_clock(ended: Ended) -> bool {
    match ended {
        Ended::DeletedSessions
        | Ended::DeletedChallenges
        | Ended::DeletedApps
        | Ended::DeletedRecoveryCodes
        | Ended::DeletedUsers => false,
        Ended::Challenges
        | Ended::MailboxCodes
        | Ended::Enrollments
        | Ended::Sessions
        | Ended::Revocations
        | Ended::Throttles
        | Ended::Events => true,
    }
}
