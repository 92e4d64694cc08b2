//! The signing keys: made by whichever replica is first, replaced in time, and the same for all.

use std::{sync::Arc, time::Duration};

use tokio::sync::Mutex;
use uuid::Uuid;

use crate::{
    domain::{Actor, CLOCK_SKEW, KeySchedule, KeyState, KeyTimes, Timestamp},
    service::Clock,
    store::{self, Revoking, SealedKey, Store},
    token::{AccessTokens, Algorithm, KeyError, KeyRing, LONGEST_TTL, MasterKey, SigningKey},
};

/// How often replicas look what others have done to the keys. That one was withdrawn they hear at once, as of every revocation.
pub const KEYS_RELOAD_EVERY: Duration = Duration::from_secs(30);

/// By then every live replica publishes a new key: it reads the keys every 30 seconds, and once of these it may fail. Added is
/// what the clocks of replicas may differ: one that is ahead signs so much earlier.
const PUBLISHED_WITHIN: Duration =
    Duration::from_secs(2 * KEYS_RELOAD_EVERY.as_secs() + CLOCK_SKEW.as_secs());

/// Why the signing keys can't be had, or are not changed.
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
    /// The key to be retired is the one that signs.
    #[error(
        "this key signs: let another one take over first, by `countersign keys rotate --now`, which also revokes it with `--revoke-current`"
    )]
    Signs,
    /// It was retired before.
    #[error("this key is retired already")]
    Retired,
    /// Somebody else was faster.
    #[error("the keys have just been changed by another: see `countersign keys list`")]
    Rival,
}

/// Keeps the signing keys.
#[derive(Debug, Clone)]
pub struct KeyKeeper {
    /// Where they are.
    pub store: Arc<dyn Store>,
    /// What encrypts them.
    pub master_key: MasterKey,
    /// What new ones sign with.
    pub algorithm: Algorithm,
    /// How old the newest one gets before it is replaced.
    pub rotation: Duration,
    /// From when every live replica publishes a new one to its first signature.
    pub lead: Duration,
    /// How long their tokens live.
    pub token_ttl: Duration,
    /// What time it is.
    pub clock: Clock,
    /// Held while the keys are read and taken over: or an older reading that ends late would bring a withdrawn key back.
    pub reloading: Arc<Mutex<()>>,
}

/// A key and what it is good for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedKey {
    /// Its times.
    pub times: KeyTimes,
    /// What it is good for now.
    pub state: KeyState,
    /// Until when it is published, if that is known.
    pub published_until: Option<Timestamp>,
}

/// What the store has: keys of algorithms that we know. A later release may have others.
struct Stored {
    sealed: Vec<SealedKey>,
    schedule: KeySchedule,
}

impl KeyKeeper {
    /// Loads the keys. Makes the first one, and the next one when it is time.
    ///
    /// # Errors
    /// The store's; a key that was stored under another master key.
    pub async fn load(&self) -> Result<KeyRing, SigningKeyError> {
        self.ring(None).await
    }

    /// Takes what the store has now for the keys of `tokens`. Where it fails they stay as they were.
    ///
    /// # Errors
    /// Those of [`KeyKeeper::load`].
    pub async fn reload(&self, tokens: &AccessTokens) -> Result<(), SigningKeyError> {
        let _alone = self.reloading.lock().await;
        let ring = self.ring(Some(&tokens.ring())).await?;
        tokens.replace(ring);
        Ok(())
    }

    /// Publishes a new key, which signs when all have had the time to notice it, or at once.
    ///
    /// # Errors
    /// The store's; another master key; another who did the same at the same time.
    pub async fn rotate(&self, at_once: bool) -> Result<KeyTimes, SigningKeyError> {
        let now = self.clock.now();
        let signs_from = if at_once { now } else { now.plus(self.notice()) };
        let made = self.make(&self.stored().await?, signs_from).await?;
        made.ok_or(SigningKeyError::Rival)
    }

    /// Puts the key that signs out of use and another one in its place, in one transaction: for a key that has leaked. There is no
    /// moment at which both are published: verifiers that fetch the key set when they first see the new key lose the old one. Gives
    /// the new key, and the id of the old one.
    ///
    /// # Errors
    /// The store's; another master key; another who changed the keys at the same time.
    pub async fn replace(&self) -> Result<(KeyTimes, String), SigningKeyError> {
        let (now, stored) = (self.clock.now(), self.stored().await?);
        let leaked = stored.schedule.signer(now).ok_or(KeyError::Missing)?;
        // On replicas whose clocks are behind it must sign at once, too, but not before the one that it follows.
        let signs_from = leaked.signs_from.max(now.minus(CLOCK_SKEW));
        let key = self.generate(&stored, signs_from).await?;
        let (new, old) = (times_of(&key), leaked.kid.clone());
        let replaced = self.store.signing_key_replace(key, id_of(leaked)?, revoking(now)).await?;
        let (algorithm, generation) = (&new.algorithm, new.generation);
        tracing::info!(algorithm, generation, replaced, "signing key");
        if replaced { Ok((new, old)) } else { Err(SigningKeyError::Rival) }
    }

    /// Puts a key out of use: its tokens are refused from now on.
    ///
    /// # Errors
    /// The store's; a key that is unknown, retired, or signs.
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

    /// From the making of a key to its first signature, unless that is at once.
    pub fn notice(&self) -> Duration {
        PUBLISHED_WITHIN + self.lead
    }

    async fn ring(&self, known: Option<&KeyRing>) -> Result<KeyRing, SigningKeyError> {
        let mut stored = self.stored().await?;
        let due = stored.schedule.due(self.clock.now(), self.rotation, self.notice());
        if let Some(signs_from) = due {
            self.make(&stored, signs_from).await?;
            // Read back even when just made: another replica may have been faster, and its key is the one that counts.
            stored = self.stored().await?;
        }
        let keys = self.open(&stored, known)?;
        let ring = KeyRing::new(stored.schedule, keys);
        ring.signer(self.clock.now()).ok_or(KeyError::Missing)?;
        Ok(ring)
    }

    /// Makes the next key, unless another is faster.
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

    /// The next key, which is not stored yet.
    async fn generate(
        &self,
        stored: &Stored,
        signs_from: Timestamp,
    ) -> Result<SealedKey, SigningKeyError> {
        // Refuse if existing keys do not decrypt: under the wrong master key we would add a key that no other replica can use.
        self.open(stored, None)?;
        let (id, algorithm) = (Uuid::now_v7(), self.algorithm);
        // An RSA key takes the better part of a second.
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

    /// The published keys. Those in `known` need not be decrypted again.
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

/// The revocation of a key. It is told for as long as any token of ours can live, and not only one of the configured life:
/// whoever has the key signs what they like, and a verifier that was cut off for hours may still hold it.
fn revoking(now: Timestamp) -> Revoking {
    let tokens_expire_at = now.plus(LONGEST_TTL).plus(CLOCK_SKEW);
    // It is an operator's command in any case.
    Revoking { now, tokens_expire_at, actor: Actor::Operator, address: None }
}

fn id_of(key: &KeyTimes) -> Result<Uuid, SigningKeyError> {
    key.kid.parse().map_err(|_no_id| SigningKeyError::Unknown)
}

/// Forgetting.
impl KeyKeeper {
    /// Forgets the private parts of keys that are of no use any more, and some time later the keys.
    ///
    /// # Errors
    /// The store's.
    pub(super) async fn forget(&self) -> Result<(), store::Error> {
        /// As long as a token can live at the most: replicas that are configured otherwise may still need the key.
        const ERASED_AFTER: Duration = Duration::from_secs(24 * 3600);
        /// Until then `keys list` shows it.
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
