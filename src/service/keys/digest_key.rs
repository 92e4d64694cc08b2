//! The digest key: stored once, encrypted by the master key, and never changed (ADR 20).

use crate::{
    service::Clock,
    store::{self, SealedKey, Store, WrappedKey},
    token::{MasterKey, Place},
};

/// Why the digest key is not available.
#[derive(Debug, thiserror::Error)]
pub enum DigestKeyError {
    /// The store's.
    #[error("the store failed")]
    Store(#[from] store::Error),
    /// The digest key does not decrypt, or no other stored value does.
    #[error(
        "what is stored does not decrypt: is this the master key it was stored under? (while another one takes its place, \
         the one before must be in COUNTERSIGN_MASTER_KEY_OLD until `countersign keys reencrypt` is done)"
    )]
    WrongMasterKey,
    /// Two master keys, and no digest key yet.
    #[error(
        "the first start needs one master key alone: start once with the one that was used before, \
         without COUNTERSIGN_MASTER_KEY_OLD"
    )]
    TwoMasterKeys,
    /// The crypto library's.
    #[error("the digest key can't be encrypted")]
    NotSealed,
}

/// The master key with the stored digest key. At the first start that is derived from the master key, as in release
/// 0.1.0: digests of that release stay valid. A race: of several replicas one stores it, and all read it back.
///
/// # Errors
/// The store's; a master key other than the one it was stored under.
pub async fn with_digest_key(
    master_key: MasterKey,
    store: &dyn Store,
    clock: &Clock,
) -> Result<MasterKey, DigestKeyError> {
    let mut stored = stored(store).await?;
    if stored.is_none() {
        create(&master_key, store, clock).await?;
        stored = self::stored(store).await?;
    }
    let wrong = |_not_opened| DigestKeyError::WrongMasterKey;
    master_key.with_digest_key(&stored.unwrap_or_default()).map_err(wrong)
}

/// Checks that the master key is the one that everything was stored under. Stores nothing; any key is right for a database
/// in which there is nothing yet.
///
/// # Errors
/// Those of [`with_digest_key`].
pub async fn check_master_key(
    master_key: MasterKey,
    store: &dyn Store,
) -> Result<(), DigestKeyError> {
    let Some(stored) = stored(store).await? else {
        return opens_what_is_stored(&master_key, store).await;
    };
    master_key.with_digest_key(&stored).map_err(|_not_opened| DigestKeyError::WrongMasterKey)?;
    Ok(())
}

async fn stored(store: &dyn Store) -> Result<Option<Vec<u8>>, store::Error> {
    let mut keys = store.wrapped_keys().await?.into_iter();
    Ok(keys.find(|key| key.name == MasterKey::DIGEST_KEY).map(|key| key.sealed))
}

/// A wrong stored key would keep the right one out: fail closed, and store nothing that could be wrong.
async fn create(
    master_key: &MasterKey,
    store: &dyn Store,
    clock: &Clock,
) -> Result<(), DigestKeyError> {
    if master_key.reads_old() {
        return Err(DigestKeyError::TwoMasterKeys);
    }
    opens_what_is_stored(master_key, store).await?;
    let sealed =
        master_key.wrapped_digest_key().map_err(|_unspecified| DigestKeyError::NotSealed)?;
    let key = WrappedKey { name: MasterKey::DIGEST_KEY.to_owned(), sealed };
    store.wrapped_key_create(key, clock.now()).await?;
    Ok(())
}

/// The signing keys of a release that had no stored digest key.
async fn opens_what_is_stored(
    master_key: &MasterKey,
    store: &dyn Store,
) -> Result<(), DigestKeyError> {
    let signing_keys = store.signing_keys().await?;
    let mut sealed = signing_keys.iter().filter(|key| !key.sealed_private_key.is_empty());
    let opens = |key: &SealedKey| {
        master_key.open(&Place::SigningKey(key.id), &key.sealed_private_key).is_ok()
    };
    let is_wrong = sealed.clone().next().is_some() && !sealed.any(opens);
    if is_wrong { Err(DigestKeyError::WrongMasterKey) } else { Ok(()) }
}
