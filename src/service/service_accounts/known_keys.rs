//! Keys that were looked up a moment ago: a service that asks for many tokens costs the database one read in half a second.
//!
//! A cache with a bounded staleness (design rule): a key that was revoked, or has expired, is refused within that time
//! on every replica, and so is one of a disabled account.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use crate::{
    domain::{ServiceAccount, Timestamp},
    service::{Clock, Error},
    store::{ServiceKey, Store},
};

/// How long an answer of the database is good.
const FRESH: Duration = Duration::from_millis(500);

/// How often the last use of a key is written, at the most.
const WRITTEN_EVERY: Duration = Duration::from_secs(60);

/// The most keys that are remembered. Beyond that all are forgotten: it costs each of them a read.
const MOST: usize = 10_000;

/// The keys, by digest.
#[derive(Debug, Default)]
pub struct KnownKeys(Mutex<HashMap<[u8; 32], Known>>);

#[derive(Debug, Clone)]
struct Known {
    key: ServiceKey,
    account: Arc<ServiceAccount>,
    /// By the monotonic clock.
    read_at: Duration,
    used_written_at: Option<Duration>,
}

impl KnownKeys {
    /// The account of the key with that digest; `None` if there is none, or it has expired.
    pub(super) async fn account(
        &self,
        store: &Arc<dyn Store>,
        digest: [u8; 32],
        clock: &Clock,
    ) -> Result<Option<Arc<ServiceAccount>>, Error> {
        let known = self.fresh(&digest, clock.elapsed());
        let known = match known {
            Some(known) => known,
            None => match self.look_up(store, digest, clock).await? {
                Some(known) => known,
                None => return Ok(None),
            },
        };
        let now = clock.now();
        if known.key.expires_at.is_some_and(|end| end <= now) {
            return Ok(None);
        }
        self.note_use(store, &digest, &known, clock.elapsed(), now);
        Ok(Some(known.account))
    }

    fn fresh(&self, digest: &[u8; 32], now: Duration) -> Option<Known> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = known.get(digest)?;
        (now.saturating_sub(found.read_at) < FRESH).then(|| found.clone())
    }

    async fn look_up(
        &self,
        store: &Arc<dyn Store>,
        digest: [u8; 32],
        clock: &Clock,
    ) -> Result<Option<Known>, Error> {
        // Stated as of before the read: what is committed after it is seen in time.
        let read_at = clock.elapsed();
        let found = store.service_key_find(digest).await?;
        Ok(self.remember(digest, found, read_at))
    }

    /// Only keys that there are: callers who invent keys fill no memory.
    fn remember(
        &self,
        digest: [u8; 32],
        found: Option<(ServiceKey, ServiceAccount)>,
        read_at: Duration,
    ) -> Option<Known> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((key, account)) = found else {
            known.remove(&digest);
            return None;
        };
        let used_written_at = known.get(&digest).and_then(|before| before.used_written_at);
        if known.len() >= MOST && !known.contains_key(&digest) {
            known.clear();
        }
        let entry = Known { key, account: Arc::new(account), read_at, used_written_at };
        known.insert(digest, entry.clone());
        Some(entry)
    }

    /// Writes the use of a key, now and then. No answer waits for it, or depends on it.
    fn note_use(
        &self,
        store: &Arc<dyn Store>,
        digest: &[u8; 32],
        known: &Known,
        elapsed: Duration,
        now: Timestamp,
    ) {
        if !self.begins_to_write(digest, known, elapsed, now) {
            return;
        }
        let (store, key_id) = (Arc::clone(store), known.key.id);
        tokio::spawn(async move {
            if let Err(error) = store.service_key_used(key_id, now).await {
                tracing::debug!(%error, "the use of a key is not recorded");
            }
        });
    }

    /// Whether the use is to be written, and by this caller: of several at once, one writes. Not if another replica has just
    /// done so, or this one before it was started again.
    fn begins_to_write(
        &self,
        digest: &[u8; 32],
        known: &Known,
        elapsed: Duration,
        now: Timestamp,
    ) -> bool {
        let is_due =
            |at: Option<Duration>| at.is_none_or(|at| elapsed.saturating_sub(at) >= WRITTEN_EVERY);
        let is_on_record = known.key.last_used_at.is_some_and(|at| now < at.plus(WRITTEN_EVERY));
        if is_on_record || !is_due(known.used_written_at) {
            return false;
        }
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = all.get_mut(digest).filter(|entry| is_due(entry.used_written_at));
        let Some(entry) = entry else { return false };
        entry.used_written_at = Some(elapsed);
        true
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::ServiceAccountId;

    const DIGEST: [u8; 32] = [1; 32];
    const SECOND: Duration = Duration::from_secs(1);

    fn now() -> Timestamp {
        Timestamp::from_unix_micros(1_800_000_000_000_000)
    }

    fn found(last_used_at: Option<Timestamp>) -> Option<(ServiceKey, ServiceAccount)> {
        let account = ServiceAccount::sample(ServiceAccountId(Uuid::from_u128(7)));
        let (id, created_at) = (Uuid::nil(), now());
        Some((ServiceKey { id, created_at, expires_at: None, last_used_at }, account))
    }

    #[test]
    fn an_answer_is_good_for_less_than_a_second_from_before_the_read() {
        let keys = KnownKeys::default();
        keys.remember(DIGEST, found(None), SECOND);
        assert!(keys.fresh(&DIGEST, SECOND + FRESH - Duration::from_nanos(1)).is_some());
        assert!(keys.fresh(&DIGEST, SECOND + FRESH).is_none());
        assert!(FRESH < SECOND);
        assert!(keys.fresh(&[2; 32], SECOND).is_none());
    }

    #[test]
    fn what_is_not_there_is_forgotten_and_takes_no_memory() {
        let keys = KnownKeys::default();
        assert!(keys.remember([2; 32], None, SECOND).is_none());
        assert!(keys.0.lock().unwrap().is_empty());
        keys.remember(DIGEST, found(None), SECOND);
        assert!(keys.remember(DIGEST, None, SECOND).is_none());
        assert!(keys.fresh(&DIGEST, SECOND).is_none(), "revoked");
    }

    #[test]
    fn there_are_never_more_than_the_most() {
        let keys = KnownKeys::default();
        let digest = |number: usize| {
            let mut digest = [0; 32];
            digest[..8].copy_from_slice(&number.to_be_bytes());
            digest
        };
        for number in 0..MOST {
            keys.remember(digest(number), found(None), SECOND);
        }
        keys.remember(digest(0), found(None), SECOND);
        assert_eq!(keys.0.lock().unwrap().len(), MOST, "one that is known takes no place");
        assert!(keys.remember(digest(MOST), found(None), SECOND).is_some());
        assert_eq!(keys.0.lock().unwrap().len(), 1);
    }

    #[test]
    fn a_use_is_written_once_a_minute_by_whichever_replica() {
        let keys = KnownKeys::default();
        let first = keys.remember(DIGEST, found(None), SECOND).unwrap();
        let writes = |known: &Known, elapsed| keys.begins_to_write(&DIGEST, known, elapsed, now());
        assert!(writes(&first, SECOND));
        assert!(!writes(&first, SECOND), "another caller does");
        assert!(!writes(&first, 60 * SECOND));
        let recent = now().minus(59 * SECOND);
        let recent = keys.remember(DIGEST, found(Some(recent)), 61 * SECOND).unwrap();
        assert!(!writes(&recent, 61 * SECOND), "another replica did");
        let old = now().minus(60 * SECOND);
        let old = keys.remember(DIGEST, found(Some(old)), 61 * SECOND).unwrap();
        assert!(writes(&old, 61 * SECOND));
    }
}
