//! Readiness: whether the service could do its work right now.

use std::sync::Arc;

use crate::{
    service::keys::{Keys, SigningKeyError},
    store::{self, Store},
};

/// Why the service can't do its work.
#[derive(Debug, thiserror::Error)]
pub enum NotReady {
    /// The database does not answer or takes no writes, or its schema is old.
    #[error("the store is not ready")]
    Store(#[from] store::Error),
    /// The key we sign with is retired, or gone.
    #[error("the active signing key is retired or missing")]
    SigningKey,
}

impl NotReady {
    /// Whether the key set that is in memory is good all the same: a database that is away changes nothing about it.
    pub fn spares_the_key_set(&self) -> bool {
        match self {
            Self::Store(_) => true,
            Self::SigningKey => false,
        }
    }
}

/// What checks one replica.
#[derive(Debug)]
pub struct Readiness {
    store: Arc<dyn Store>,
    keys: Arc<Keys>,
}

impl Readiness {
    /// The readiness of a replica that stands on these.
    pub fn new(store: Arc<dyn Store>, keys: Arc<Keys>) -> Self {
        Self { store, keys }
    }

    /// Comes back when readiness may have changed: then it is asked at once.
    pub async fn changed(&self) {
        self.store.readiness_changed().await;
    }

    /// Checks the store, which must take writes, the schema and the signing key.
    ///
    /// # Errors
    /// What is not ready.
    pub async fn check(&self) -> Result<(), NotReady> {
        self.store.check().await?;
        // A configured secret is not in the store.
        if !self.keys.are_stored() || self.signer_counts().await? {
            return Ok(());
        }
        // It has just been withdrawn: the one in its place is there already.
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
