//! The keys: signing keys, the digest key, and re-encryption under another master key.

mod digest_key;
mod jwks;
mod key_set;
mod reencrypt;
mod signing_keys;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use uuid::Uuid;

use crate::{service::Clock, store, token::AccessTokens};

pub use self::{
    digest_key::{DigestKeyError, check_master_key, with_digest_key},
    key_set::Jwks,
    reencrypt::{ReencryptError, Reencrypted, Reencryption},
    signing_keys::{KEYS_RELOAD_EVERY, KeyKeeper, ListedKey, SigningKeyError},
};

/// The keys that one replica signs with, and those that it publishes.
#[derive(Debug)]
pub struct Keys {
    /// `None` with a configured secret.
    keeper: Option<KeyKeeper>,
    tokens: AccessTokens,
    /// The key set that was asked for last.
    jwks: Mutex<Arc<Jwks>>,
    clock: Clock,
}

impl Keys {
    /// The keys of `tokens`, and their keeper; `None` with a configured secret.
    pub fn new(keeper: Option<KeyKeeper>, tokens: AccessTokens, clock: Clock) -> Self {
        Self { keeper, tokens, jwks: Mutex::default(), clock }
    }

    /// Whether the keys are in the store, where other replicas may change them. A configured secret is not.
    pub fn are_stored(&self) -> bool {
        self.keeper.is_some()
    }

    /// Reloads the keys from the store. If that fails the keys stay as they were.
    ///
    /// # Errors
    /// The store's; a key that was stored under another master key.
    pub async fn reload(&self) -> Result<(), SigningKeyError> {
        match &self.keeper {
            Some(keeper) => keeper.reload(&self.tokens).await,
            None => Ok(()),
        }
    }

    /// The ids of the published keys, the one that signs first, and how long ago they were read.
    pub fn ids(&self) -> (Vec<String>, Duration) {
        let ring = self.tokens.ring();
        let ids = ring.published(self.clock.now()).map(|key| key.kid().to_owned()).collect();
        (ids, ring.age())
    }

    /// The id of the key that signs now.
    pub(in crate::service) fn signer(&self) -> Option<Uuid> {
        self.tokens.ring().signer(self.clock.now()).and_then(|key| key.kid().parse().ok())
    }

    /// The algorithm of the key that signs, and how long ago it was made; `None` with a configured secret.
    pub fn signer_age(&self) -> Option<(&'static str, Duration)> {
        let (ring, now) = (self.keeper.as_ref().map(|_| self.tokens.ring())?, self.clock.now());
        let algorithm = ring.signer(now)?.algorithm().as_str();
        Some((algorithm, now.since(ring.signer_made_at(now)?)))
    }

    /// The lifetime of tokens.
    pub(in crate::service) fn token_ttl(&self) -> Duration {
        self.tokens.ttl()
    }

    /// Erases the private parts of keys that verify nothing any more, and some time later the keys.
    ///
    /// # Errors
    /// The store's.
    pub(in crate::service) async fn forget(&self) -> Result<(), store::Error> {
        match &self.keeper {
            Some(keeper) => keeper.forget().await,
            None => Ok(()),
        }
    }
}
