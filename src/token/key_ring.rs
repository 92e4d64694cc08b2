//! The current keys: the signing key, and all verification keys.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use super::{PublicKey, SigningKey};
use crate::domain::{KeySchedule, KeyTimes, Timestamp};

/// Signing keys with their schedule. Immutable: replaced as a whole.
#[derive(Debug)]
pub struct KeyRing {
    schedule: KeySchedule,
    keys: HashMap<String, SigningKey>,
    made_at: Instant,
}

impl KeyRing {
    /// A ring of the keys that are both in `schedule` and in `keys`; others are ignored.
    pub fn new(schedule: KeySchedule, keys: impl IntoIterator<Item = SigningKey>) -> Self {
        let keys = keys.into_iter().map(|key| (key.kid().to_owned(), key)).collect();
        Self { schedule, keys, made_at: Instant::now() }
    }

    /// A ring of one key that is neither stored nor rotated: of a configured secret.
    pub fn of_one(key: SigningKey) -> Self {
        let beginning = Timestamp::from_unix_micros(i64::MIN);
        let times = KeyTimes {
            kid: key.kid().to_owned(),
            algorithm: key.algorithm().as_str().to_owned(),
            generation: 1,
            created_at: beginning,
            signs_from: beginning,
            retired_at: None,
        };
        let algorithm = key.algorithm().as_str();
        Self::new(KeySchedule::new(vec![times], algorithm, Duration::ZERO), [key])
    }

    /// How long ago the keys were read.
    pub fn age(&self) -> Duration {
        self.made_at.elapsed()
    }

    /// The key of that id, in any state.
    pub fn get(&self, kid: &str) -> Option<&SigningKey> {
        self.keys.get(kid)
    }

    /// The key that signs.
    pub fn signer(&self, now: Timestamp) -> Option<&SigningKey> {
        self.get(&self.schedule.signer(now)?.kid)
    }

    /// The key that verifies tokens with that id in their header: any that is published.
    pub(super) fn verifier(&self, kid: &str, now: Timestamp) -> Option<&SigningKey> {
        self.published(now).find(|key| key.kid() == kid)
    }

    /// When the key that signs was made.
    pub fn signer_made_at(&self, now: Timestamp) -> Option<Timestamp> {
        Some(self.schedule.signer(now)?.created_at)
    }

    /// The published keys. The one that signs comes first: some verifiers (python-jose) take the first key, whatever the token's
    /// header says. Then newest first, by start of signing.
    pub fn published(&self, now: Timestamp) -> impl Iterator<Item = &SigningKey> {
        let signer = self.schedule.signer(now);
        let published = move |times: &&KeyTimes| self.schedule.state(times, now).is_published();
        let others = self.schedule.keys().iter().filter(move |times| Some(*times) != signer);
        let in_order = signer.into_iter().chain(others.filter(published));
        in_order.filter_map(|times| self.get(&times.kid))
    }

    /// The key set (JWKS) for verifiers; empty with HS256.
    pub fn public_keys(&self, now: Timestamp) -> Vec<PublicKey> {
        self.published(now).filter_map(SigningKey::public).collect()
    }
}
