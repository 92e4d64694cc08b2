//! The signing keys: made by one replica, rotated, and shared by all.
//!
//! The loop that reloads them, and what wakes it after a withdrawal, are in `app/background.rs`.

use std::{sync::Arc, time::Duration};

use tokio::sync::Mutex;
use uuid::Uuid;

use crate::{
    domain::{Actor, CLOCK_SKEW, KeySchedule, KeyState, KeyTimes, Timestamp},
    service::Clock,
    store::{self, Revoking, SealedKey, Store},
    token::{AccessTokens, Algorithm, KeyError, KeyRing, LONGEST_TTL, MasterKey, SigningKey},
};

/// How often replicas reload the keys. Withdrawals arrive at once, as all revocations.
pub const KEYS_RELOAD_EVERY: Duration = Duration::from_secs(30);

/// The time until every live replica publishes a new key: two reloads, as one may fail, and the clock skew: a replica
/// whose clock is ahead signs so much earlier.
const PUBLISHED_WITHIN: Duration =
    Duration::from_secs(2 * KEYS_RELOAD_EVERY.as_secs() + CLOCK_SKEW.as_secs());

/// Why the signing keys are not available, or not changed.
#[derive(Debug, thiserror::Error)]
pub enum SigningKeyError {
    /// The store's.
    #[error("the store failed")]
    Store(#[from] store::Error),
    /// The key's.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// No such key.
    #[error("there is no key with this id: see `countersign keys list`")]
    Unknown,
    /// The key to be retired is the active one.
    #[error(
        "this key signs: let another one take over first, by `countersign keys rotate --now`, which also revokes it with `--revoke-current`"
    )]
    Signs,
    /// The key was retired before.
    #[error("this key is retired already")]
    Retired,
    /// Lost a race against another change of the keys.
    #[error("the keys have just been changed by another: see `countersign keys list`")]
    Rival,
}

/// Keeps the signing keys.
#[derive(Debug, Clone)]
pub struct KeyKeeper {
    /// The store.
    pub store: Arc<dyn Store>,
    /// Encrypts the keys.
    pub master_key: MasterKey,
    /// The algorithm of new keys.
    pub algorithm: Algorithm,
    /// The age of the newest key at which it is rotated.
    pub rotation: Duration,
    /// The time between a new key's publication by every live replica and its first signature.
    pub lead: Duration,
    /// The lifetime of tokens.
    pub token_ttl: Duration,
    /// The clock.
    pub clock: Clock,
    /// Held while the keys are read and swapped: a slow, older reading must not bring a withdrawn key back (race).
    pub reloading: Arc<Mutex<()>>,
}

/// A key and its state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedKey {
    /// The key's times.
    pub times: KeyTimes,
    /// The key's state now.
    pub state: KeyState,
    /// The end of its publication, if it is known.
    pub published_until: Option<Timestamp>,
}

/// The stored keys of known algorithms. A later release may have others.
struct Stored {
    sealed: Vec<SealedKey>,
    schedule: KeySchedule,
}

impl KeyKeeper {
    /// Loads the keys. Makes the first one, and the next one when it is due.
    ///
    /// # Errors
    /// The store's; a key that was stored under another master key.
    pub async fn load(&self) -> Result<KeyRing, SigningKeyError> {
        self.ring(None).await
    }

    /// Replaces the keys of `tokens` by the stored ones. If that fails they stay as they were.
    ///
    /// # Errors
    /// Those of [`KeyKeeper::load`].
    pub async fn reload(&self, tokens: &AccessTokens) -> Result<(), SigningKeyError> {
        let _alone = self.reloading.lock().await;
        let ring = self.ring(Some(&tokens.ring())).await?;
        tokens.replace(ring);
        Ok(())
    }

    /// Publishes a new key, which signs after the notice period, or at once.
    ///
    /// # Errors
    /// The store's; another master key; a concurrent change of the keys.
    pub async fn rotate(&self, at_once: bool) -> Result<KeyTimes, SigningKeyError> {
        let now = self.clock.now();
        let signs_from = if at_once { now } else { now.plus(self.notice()) };
        let made = self.make(&self.stored().await?, signs_from).await?;
        made.ok_or(SigningKeyError::Rival)
    }

    /// Retires the active key and adds its successor, in one transaction: for a leaked key. The two are never published
    /// together: verifiers that fetch the key set when they first see the new key drop the old one. Returns the new
    /// key, and the id of the old one.
    ///
    /// # Errors
    /// The store's; another master key; a concurrent change of the keys.
    pub async fn replace(&self) -> Result<(KeyTimes, String), SigningKeyError> {
        let (now, stored) = (self.clock.now(), self.stored().await?);
        let leaked = stored.schedule.signer(now).ok_or(KeyError::Missing)?;
        // Backdated by the clock skew, so that replicas whose clocks are behind sign with it at once, but not before
        // its predecessor.
        let signs_from = leaked.signs_from.max(now.minus(CLOCK_SKEW));
        let key = self.generate(&stored, signs_from).await?;
        let (new, old) = (times_of(&key), leaked.kid.clone());
        let replaced = self.store.signing_key_replace(key, id_of(leaked)?, revoking(now)).await?;
        let (algorithm, generation) = (&new.algorithm, new.generation);
        tracing::info!(algorithm, generation, replaced, "signing key");
        if replaced { Ok((new, old)) } else { Err(SigningKeyError::Rival) }
    }

    /// Retires a key: its tokens are invalid from now on.
    ///
    /// # Errors
    /// The store's; a key that is unknown, retired, or active.
    pub async fn retire(&self, kid: &str) -> Result<(), SigningKeyError> {
        let now = self.clock.now();
        let schedule = self.stored().await?.schedule;
        let key = schedule.keys().iter().find(|key| key.kid == kid);
        let key = key.ok_or(SigningKeyError::Unknown)?;
        let signer = schedule.signer(now).ok_or(KeyError::Missing)?;
        if key.retired_at.is_some() {
            return Err(SigningKeyError::Retired);
        }
        if key == signer {
            return Err(SigningKeyError::Signs);
        }
        let retired =
            self.store.signing_key_retire(id_of(key)?, id_of(signer)?, revoking(now)).await?;
        if retired { Ok(()) } else { Err(SigningKeyError::Rival) }
    }

    /// All keys, newest first, by start of signing.
    ///
    /// # Errors
    /// The store's.
    pub async fn list(&self) -> Result<Vec<ListedKey>, store::Error> {
        let (schedule, now) = (self.stored().await?.schedule, self.clock.now());
        let listed = |times: &KeyTimes| ListedKey {
            times: times.clone(),
            state: schedule.state(times, now),
            published_until: schedule.published_until(times),
        };
        Ok(schedule.keys().iter().map(listed).collect())
    }

    /// The notice period: from the making of a key to its first signature, unless it signs at once.
    pub fn notice(&self) -> Duration {
        PUBLISHED_WITHIN + self.lead
    }

    async fn ring(&self, known: Option<&KeyRing>) -> Result<KeyRing, SigningKeyError> {
        let mut stored = self.stored().await?;
        let due = stored.schedule.due(self.clock.now(), self.rotation, self.notice());
        if let Some(signs_from) = due {
            self.make(&stored, signs_from).await?;
            // Read back even when just made: another replica may have won the race, and its key is the one that counts.
            stored = self.stored().await?;
        }
        let keys = self.open(&stored, known)?;
        let ring = KeyRing::new(stored.schedule, keys);
        ring.signer(self.clock.now()).ok_or(KeyError::Missing)?;
        Ok(ring)
    }

    /// Makes the next key; `None` if another replica was faster.
    async fn make(
        &self,
        stored: &Stored,
        signs_from: Timestamp,
    ) -> Result<Option<KeyTimes>, SigningKeyError> {
        let key = self.generate(stored, signs_from).await?;
        let times = times_of(&key);
        let made = self.store.signing_key_create(key).await?;
        let (algorithm, generation) = (&times.algorithm, times.generation);
        tracing::info!(algorithm, generation, made, "signing key");
        Ok(made.then_some(times))
    }

    /// The next key, not stored yet.
    async fn generate(
        &self,
        stored: &Stored,
        signs_from: Timestamp,
    ) -> Result<SealedKey, SigningKeyError> {
        // Refuse if existing keys do not decrypt: under the wrong master key we would add a key that no other replica
        // can use.
        self.open(stored, None)?;
        let (id, algorithm) = (Uuid::now_v7(), self.algorithm);
        // Generating an RSA key takes most of a second.
        let pkcs8 = tokio::task::spawn_blocking(move || SigningKey::generate(algorithm)).await;
        let pkcs8 = pkcs8.map_err(|_panicked| KeyError::Unusable)??;
        Ok(SealedKey {
            id,
            algorithm: algorithm.as_str().to_owned(),
            generation: stored.schedule.next_generation(),
            sealed_private_key: SigningKey::seal(&self.master_key, id, &pkcs8)?,
            created_at: self.clock.now(),
            signs_from,
            retired_at: None,
        })
    }

    /// The published keys, decrypted. Those in `known` are reused.
    fn open(&self, stored: &Stored, known: Option<&KeyRing>) -> Result<Vec<SigningKey>, KeyError> {
        let now = self.clock.now();
        let published =
            |key: &&SealedKey| stored.schedule.state(&times_of(key), now).is_published();
        let open = |key: &SealedKey| {
            if let Some(key) = known.and_then(|known| known.get(&key.id.to_string())) {
                return Ok(key.clone());
            }
            let algorithm = key.algorithm.parse().map_err(|_unknown| KeyError::Unusable)?;
            SigningKey::open(&self.master_key, key.id, algorithm, &key.sealed_private_key)
        };
        stored.sealed.iter().filter(published).map(open).collect()
    }

    async fn stored(&self) -> Result<Stored, store::Error> {
        let mut sealed = self.store.signing_keys().await?;
        sealed.retain(|key| key.algorithm.parse::<Algorithm>().is_ok());
        let times = sealed.iter().map(times_of).collect();
        let schedule = KeySchedule::new(times, self.algorithm.as_str(), self.token_ttl);
        Ok(Stored { sealed, schedule })
    }
}

fn times_of(key: &SealedKey) -> KeyTimes {
    KeyTimes {
        kid: key.id.to_string(),
        algorithm: key.algorithm.clone(),
        generation: key.generation,
        created_at: key.created_at,
        signs_from: key.signs_from,
        retired_at: key.retired_at,
    }
}

/// The revocation of a key. It lasts as long as any token of ours can live, not only for the configured lifetime: an
/// attacker with the key signs any expiry, and a verifier that was offline for hours may still hold the key.
fn revoking(now: Timestamp) -> Revoking {
    let tokens_expire_at = now.plus(LONGEST_TTL).plus(CLOCK_SKEW);
    // Only operators' commands revoke keys.
    Revoking { now, tokens_expire_at, actor: Actor::Operator, address: None, carried_out: None }
}

fn id_of(key: &KeyTimes) -> Result<Uuid, SigningKeyError> {
    key.kid.parse().map_err(|_no_id| SigningKeyError::Unknown)
}

/// Garbage collection of keys.
impl KeyKeeper {
    /// Erases the private parts of expired keys, and some time later the keys.
    ///
    /// # Errors
    /// The store's.
    pub(super) async fn forget(&self) -> Result<(), store::Error> {
        /// The longest lifetime of a token: replicas with other settings may still need the key.
        const ERASED_AFTER: Duration = Duration::from_secs(24 * 3600);
        /// `keys list` shows the key until then.
        const REMOVED_AFTER: Duration = Duration::from_secs(8 * 24 * 3600);
        let (stored, now) = (self.stored().await?, self.clock.now());
        for key in &stored.sealed {
            let Some(end) = stored.schedule.published_until(&times_of(key)) else { continue };
            if end.plus(REMOVED_AFTER) <= now {
                self.store.signing_key_remove(key.id).await?;
            } else if end.plus(ERASED_AFTER) <= now && !key.sealed_private_key.is_empty() {
                self.store.signing_key_erase(key.id).await?;
            }
        }
        Ok(())
    }
}
