//! Readiness: whether the service could do its work right now.

use super::{SigningKeyError, UseCases};
use crate::store;

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

impl UseCases {
    /// How the connections to the store are used.
    pub fn pool_use(&self) -> store::PoolUse {
        self.store.pool_use()
    }

    /// Comes back when readiness may have changed: then it is asked at once.
    pub async fn readiness_changed(&self) {
        self.store.readiness_changed().await;
    }

    /// Checks the store, which must take writes, the schema and the signing key.
    ///
    /// # Errors
    /// What is not ready.
    pub async fn ready(&self) -> Result<(), NotReady> {
        self.store.check().await?;
        // A configured secret is not in the store.
        let Some(keys) = &self.keys else { return Ok(()) };
        if self.signer_counts().await? {
            return Ok(());
        }
        // It has just been withdrawn: the one in its place is there already.
        match keys.reload(&self.tokens).await {
            Ok(()) if self.signer_counts().await? => Ok(()),
            Err(SigningKeyError::Store(error)) => Err(error.into()),
            Ok(()) | Err(_) => Err(NotReady::SigningKey),
        }
    }

    /// Whether the key that signs here is stored, and not retired.
    async fn signer_counts(&self) -> store::Result<bool> {
        let ring = self.tokens.ring();
        let signer = ring.signer(self.clock.now()).and_then(|key| key.kid().parse().ok());
        match signer {
            Some(id) => self.store.signing_key_unretired(id).await,
            None => Ok(false),
        }
    }
}
