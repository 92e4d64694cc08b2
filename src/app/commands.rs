//! Wiring of the commands, which need fewer parts than a server. Master key and key keeper are the same for both.

use std::{io, sync::Arc};

use super::error::Error;
use crate::{
    config::{Config, Signing},
    service::{
        self, Clock, KeyKeeper, Operator, Outbox, Reencryption, ServiceAccountKeeper, Transfers,
    },
    store::Store,
    token::{Algorithm, MasterKey},
};

/// Builds the key keeper, on a database that is up to date; `None` with a configured secret.
///
/// # Errors
/// A part that is not available.
pub async fn keys(config: &Config, clock: &Clock) -> Result<Option<KeyKeeper>, Error> {
    let Signing::Stored(algorithm) = &config.signing else { return Ok(None) };
    let store = config.database.connect_existing().await?;
    store.check().await?;
    let master_key = master_key(config).await?;
    Ok(Some(key_keeper(config, *algorithm, &store, &master_key, clock)))
}

/// Builds the parts of commands about users, on a database that is up to date.
///
/// # Errors
/// A part that is not available.
pub async fn operator(config: &Config, clock: &Clock) -> Result<Operator, Error> {
    let (store, master_key) = opened(config, clock).await?;
    Ok(Operator { store, outbox: Outbox::new(master_key, clock.clone()), clock: clock.clone() })
}

/// Builds the keeper of service accounts, on a database that is up to date.
///
/// # Errors
/// A part that is not available.
pub async fn service_account_keeper(
    config: &Config,
    clock: &Clock,
) -> Result<ServiceAccountKeeper, Error> {
    let (store, master_key) = opened(config, clock).await?;
    let audiences = config.policy.audiences.clone();
    Ok(ServiceAccountKeeper { store, master_key, audiences, clock: clock.clone() })
}

/// Builds imports and exports, on a database that is up to date.
///
/// # Errors
/// A part that is not available.
pub async fn transfers(config: &Config, clock: &Clock) -> Result<Transfers, Error> {
    let (store, master_key) = opened(config, clock).await?;
    Ok(Transfers { store, master_key, clock: clock.clone() })
}

/// Builds the re-encryption, on a database that is up to date.
///
/// # Errors
/// A part that is not available.
pub async fn reencryption(config: &Config, clock: &Clock) -> Result<Reencryption, Error> {
    let (store, master_key) = opened(config, clock).await?;
    Ok(Reencryption { store, master_key })
}

/// A database that is up to date, and the master key that decrypts its values.
async fn opened(config: &Config, clock: &Clock) -> Result<(Arc<dyn Store>, MasterKey), Error> {
    let store = config.database.connect_existing().await?;
    store.check().await?;
    let master_key = master_key(config).await?;
    let master_key = service::with_digest_key(master_key, store.as_ref(), clock).await?;
    Ok((store, master_key))
}

pub(super) fn key_keeper(
    config: &Config,
    algorithm: Algorithm,
    store: &Arc<dyn Store>,
    master_key: &MasterKey,
    clock: &Clock,
) -> KeyKeeper {
    KeyKeeper {
        store: Arc::clone(store),
        master_key: master_key.clone(),
        algorithm,
        rotation: config.key_rotation,
        lead: config.key_lead,
        token_ttl: config.access_tokens.ttl,
        clock: clock.clone(),
        reloading: Arc::default(),
    }
}

pub(super) async fn master_key(config: &Config) -> Result<MasterKey, Error> {
    let (source, old) = (config.master_key.clone(), config.old_master_key.clone());
    blocking(move || source.load_beside(old.as_ref())).await.map_err(Error::MasterKey)
}

/// Runs blocking work on a thread for it.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other).flatten()
}
