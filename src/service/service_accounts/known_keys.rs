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

/// How often the last use of a key is written.
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
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((key, account)) = found else {
            known.remove(&digest);
            return Ok(None);
        };
        if known.len() >= MOST {
            known.clear();
        }
        let used_written_at = known.get(&digest).and_then(|before| before.used_written_at);
        let entry = Known { key, account: Arc::new(account), read_at, used_written_at };
        known.insert(digest, entry.clone());
        Ok(Some(entry))
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
        let is_due =
            |at: Option<Duration>| at.is_none_or(|at| elapsed.saturating_sub(at) >= WRITTEN_EVERY);
        if !is_due(known.used_written_at) {
            return;
        }
        {
            let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(entry) = all.get_mut(digest).filter(|entry| is_due(entry.used_written_at))
            else {
                return;
            };
            entry.used_written_at = Some(elapsed);
        }
        let (store, key_id) = (Arc::clone(store), known.key.id);
        tokio::spawn(async move {
            if let Err(error) = store.service_key_used(key_id, now).await {
                tracing::debug!(%error, "the use of a key is not recorded");
            }
        });
    }
}
