//! Readiness: whether the service can do its work right now.
//!
//! The schema and the writes are checked by the store's `check`: `store/postgres.rs`, `store/sqlite.rs`, and for failing
//! writes `store/write_health.rs`.

use std::sync::Arc;

use crate::{
    service::keys::{Keys, SigningKeyError},
    store::{self, Store},
};

/// Why the service is not ready.
#[derive(Debug, thiserror::Error)]
pub enum NotReady {
    /// The database does not answer or takes no writes, or its schema is outdated.
    #[error("the store is not ready")]
    Store(#[from] store::Error),
    /// The key that signs here is retired or deleted.
    #[error("the active signing key is retired or missing")]
    SigningKey,
}

impl NotReady {
    /// Whether the key set in memory stays valid all the same: an unavailable database does not change it.
    pub fn spares_the_key_set(&self) -> bool {
        match self {
            Self::Store(_) => true,
            Self::SigningKey => false,
        }
    }
}

/// Checks one replica.
#[derive(Debug)]
pub struct Readiness {
    store: Arc<dyn Store>,
    keys: Arc<Keys>,
}

impl Readiness {
    /// The readiness of a replica with this store and these keys.
    pub fn new(store: Arc<dyn Store>, keys: Arc<Keys>) -> Self {
        Self { store, keys }
    }

    /// Returns when readiness may have changed, so that it is checked at once.
    pub async fn changed(&self) {
        self.store.readiness_changed().await;
    }

    /// Checks the store, which must accept writes, the schema and the signing key.
    ///
    /// # Errors
    /// The part that is not ready.
    pub async fn check(&self) -> Result<(), NotReady> {
        self.store.check().await?;
        // A configured secret is not stored.
        if !self.keys.are_stored() || self.signer_counts().await? {
            return Ok(());
        }
        // The key may just have been withdrawn: its successor is stored already.
        match self.keys.reload().await {
            Ok(()) if self.signer_counts().await? => Ok(()),
            Err(SigningKeyError::Store(error)) => Err(error.into()),
            Ok(()) | Err(_) => Err(NotReady::SigningKey),
        }
    }

    /// Whether the key that signs here is stored, and not retired.
    async fn signer_counts(&self) -> store::Result<bool> {
        match self.keys.signer() {
            Some(id) => self.store.signing_key_unretired(id).await,
            None => Ok(false),
        }
    }
}
