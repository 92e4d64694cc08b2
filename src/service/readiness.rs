//! Readiness: whether the service could do its work right now.

use super::UseCases;
use crate::{store, token::Algorithm};

/// Why the service can't do its work.
#[derive(Debug, thiserror::Error)]
pub enum NotReady {
    /// The database does not answer, or its schema is old.
    #[error("the store is not ready")]
    Store(#[from] store::Error),
    /// The key we sign with is no longer the active one.
    #[error("the signing key is not active")]
    SigningKey,
}

impl UseCases {
    /// How the connections to the store are used.
    pub fn pool_use(&self) -> store::PoolUse {
        self.store.pool_use()
    }

    /// Checks the store, the schema and the signing key.
    ///
    /// # Errors
    /// What is not ready.
    pub async fn ready(&self) -> Result<(), NotReady> {
        self.store.check().await?;
        let key = self.tokens.key();
        // A configured secret is always active: it is not in the store.
        if key.algorithm() == Algorithm::Hs256 {
            return Ok(());
        }
        match self.store.signing_key_active(key.algorithm().as_str()).await? {
            Some(active) if active.id.to_string() == key.kid() => Ok(()),
            Some(_) | None => Err(NotReady::SigningKey),
        }
    }
}
