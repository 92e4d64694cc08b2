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

/// The lease, after which another replica takes over from a dead one. If clocks differ by more, two replicas alternate,
/// and the one that is ahead removes nothing (ADR 23).
const LEASE: Duration = Duration::from_secs(180);

/// Rows deleted in one transaction.
const BATCH: u32 = 500;

/// Accounts ended in one transaction: each with its sessions and other rows.
const ACCOUNTS: u32 = 100;

/// The pause between batches: other writers get their turn.
const PAUSE: Duration = Duration::from_millis(50);

/// The most batches of one run. The next run continues.
const MOST_BATCHES: u32 = 200;

/// How long ended rows are kept, for clock skew and for support.
const GRACE: Duration = Duration::from_secs(3600);

/// Longer than any clock skew.
const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// One replica's janitor.
#[derive(Debug, Clone)]
pub struct Janitor {
    store: Arc<dyn Store>,
    keys: Arc<Keys>,
    token_ttl: Duration,
    event_retention: Duration,
    /// Whether accounts with an address unverified for too long end.
    verifies: bool,
    clock: Clock,
    holder: Uuid,
    doubt: Arc<Mutex<Option<Doubt>>>,
}

/// A doubt about this replica's clock: it took another replica's lease which, by this clock, had been over for long.
/// Either that replica was gone, or it takes the lease back.
#[derive(Debug, Clone, Copy)]
struct Doubt {
    /// When the doubt began, by the stopwatch.
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

    /// Deletes expired rows, if this replica gets the lease. Returns their number; `None` if another replica has the
    /// lease.
    ///
    /// # Errors
    /// The store's. Rows deleted by then stay deleted.
    pub async fn run(&self) -> Result<Option<u64>, store::Error> {
        if !self.has_the_lease().await? {
            return Ok(None);
        }
        let mut removed = 0;
        if self.verifies && !self.is_in_doubt() {
            removed += self.end_unverified().await?;
        }
        // Also where the setting is off by now: what was promised when they were asked for holds.
        if !self.is_in_doubt() {
            removed += self.end_deleted().await?;
        }
        for ended in [
            Ended::Challenges,
            Ended::MailboxCodes,
            Ended::PendingUsers,
            Ended::EmailChanges,
            Ended::TrustedDevices,
            Ended::Enrollments,
            Ended::Sessions,
            Ended::DeletedSessions,
            Ended::DeletedChallenges,
            Ended::DeletedApps,
            Ended::DeletedRecoveryCodes,
            Ended::DeletedUsers,
            Ended::Revocations,
            Ended::Assertions,
            Ended::AdminRequests,
            Ended::CarriedOut,
            Ended::ServiceKeys,
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

    /// Ends the accounts that have not verified their address in time. Not while verification is off: an operator who
    /// turns it off because no mail gets through loses no account.
    async fn end_unverified(&self) -> Result<u64, store::Error> {
        self.end_accounts(|| self.store.unverified_users_end(self.ending(), ACCOUNTS)).await
    }

    /// Ends the accounts whose users have deleted them, and have not undone that in time.
    async fn end_deleted(&self) -> Result<u64, store::Error> {
        self.end_accounts(|| self.store.deletions_end(self.ending(), ACCOUNTS)).await
    }

    /// Accounts that end now, by nobody.
    fn ending(&self) -> Revoking {
        let now = self.clock.now();
        let tokens_expire_at = now.plus(self.token_ttl).plus(CLOCK_SKEW);
        Revoking { now, tokens_expire_at, actor: Actor::Nobody, address: None, carried_out: None }
    }

    /// Batch by batch.
    async fn end_accounts<Batch>(&self, end: impl Fn() -> Batch) -> Result<u64, store::Error>
    where
        Batch: Future<Output = Result<u64, store::Error>>,
    {
        let mut all = 0;
        for _ in 0..MOST_BATCHES {
            let batch = end().await?;
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

    /// Lets other writers in, and renews the lease.
    async fn goes_on(&self) -> Result<bool, store::Error> {
        tokio::time::sleep(PAUSE).await;
        self.has_the_lease().await
    }

    /// The time before which ended rows are deleted.
    fn kept_from(&self, ended: Ended) -> Timestamp {
        let kept = match ended {
            Ended::Challenges
            | Ended::MailboxCodes
            | Ended::PendingUsers
            | Ended::EmailChanges
            | Ended::TrustedDevices
            | Ended::Enrollments
            | Ended::Revocations
            | Ended::Assertions
            | Ended::AdminRequests
            | Ended::Throttles => GRACE,
            // They hold secrets that are told once, and nobody can ask for them any more.
            Ended::CarriedOut => Duration::ZERO,
            // The last access token may still be introspected.
            Ended::Sessions => self.token_ttl + GRACE,
            // Personal data of deleted users (names of devices, addresses): deleted whatever the clock said at their
            // deletion.
            Ended::DeletedSessions
            | Ended::DeletedChallenges
            | Ended::DeletedApps
            | Ended::DeletedRecoveryCodes
            | Ended::DeletedUsers => return self.clock.now().plus(CENTURY),
            // As long as was promised, and no longer: addresses are personal data.
            Ended::Events => self.event_retention,
            // As long as the events that tell of it.
            Ended::ServiceKeys => self.event_retention,
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

    /// A live replica takes the lease back: by its clock, this one's ends in the future. Then this replica takes it
    /// again, and so on: of two replicas whose clocks differ, the one that is behind deletes.
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

    /// Whether the clock is in doubt: until it went unchallenged for the duration of a lease.
    fn is_in_doubt(&self) -> bool {
        let doubt = *self.doubt.lock().unwrap_or_else(PoisonError::into_inner);
        doubt.is_some_and(|doubt| self.clock.elapsed() < doubt.since + LEASE)
    }
}

/// Whether rows are deleted by the clock. Those of deleted users are deleted at any time.
fn goes_by_the_clock(ended: Ended) -> bool {
    match ended {
        Ended::DeletedSessions
        | Ended::DeletedChallenges
        | Ended::DeletedApps
        | Ended::DeletedRecoveryCodes
        | Ended::DeletedUsers => false,
        Ended::Challenges
        | Ended::MailboxCodes
        | Ended::PendingUsers
        | Ended::EmailChanges
        | Ended::TrustedDevices
        | Ended::Enrollments
        | Ended::Sessions
        | Ended::Revocations
        | Ended::Assertions
        | Ended::AdminRequests
        | Ended::CarriedOut
        | Ended::ServiceKeys
        | Ended::Throttles
        | Ended::Events => true,
    }
}
