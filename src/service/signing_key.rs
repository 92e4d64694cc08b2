//! The signing key: made once, by whichever replica is first, and the same for all.

use uuid::Uuid;

use super::Clock;
use crate::{
    store::{self, SealedKey, Store},
    token::{Algorithm, KeyError, MasterKey, SigningKey},
};

/// Why there is no key to sign with.
#[derive(Debug, thiserror::Error)]
pub enum SigningKeyError {
    /// The store's.
    #[error("the store has no answer")]
    Store(#[from] store::Error),
    /// The key's.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// It was there a moment ago.
    #[error("the signing key has vanished")]
    Vanished,
}

/// Loads the key that signs with `algorithm`, and makes it where there is none.
///
/// # Errors
/// The store's; a key that was stored under another master key.
pub async fn load_signing_key(
    store: &dyn Store,
    master_key: &MasterKey,
    algorithm: Algorithm,
    clock: &Clock,
) -> Result<SigningKey, SigningKeyError> {
    if store.signing_key_active(algorithm.as_str()).await?.is_none() {
        let (id, pkcs8) = (Uuid::now_v7(), SigningKey::generate(algorithm)?);
        let key = SealedKey {
            id,
            algorithm: algorithm.as_str().to_owned(),
            sealed_private_key: SigningKey::seal(master_key, id, &pkcs8)?,
            created_at: clock.now(),
        };
        let made = store.signing_key_create(key).await?;
        tracing::info!(%algorithm, made, "signing key");
    }
    // Read back even when just made: another replica may have been faster, and its key is the one that counts.
    let key = store.signing_key_active(algorithm.as_str()).await?;
    let key = key.ok_or(SigningKeyError::Vanished)?;
    Ok(SigningKey::open(master_key, key.id, algorithm, &key.sealed_private_key)?)
}
