//! What `config check --connect` finds out: whether the configured services answer, and fit. Nothing is changed.

use std::{future::Future, time::Duration};

use tokio::time::timeout;

use super::commands::master_key;
use crate::{
    config::Config,
    delivery::Delivery,
    service,
    store::{Migrate, Store},
    telemetry::chain,
};

/// How long each service has: SMTP's own limits are minutes.
const PATIENCE: Duration = Duration::from_secs(20);

/// What is true of a service, or what is wrong with it.
#[derive(Debug)]
pub struct Finding {
    /// The service.
    pub of: &'static str,
    /// A sentence without a full stop.
    pub found: Result<String, String>,
}

/// Connects to the database and to what delivers.
pub async fn reach(config: &Config) -> Vec<Finding> {
    let (database, delivery) = tokio::join!(
        in_time("database", look_at_database(config)),
        in_time("delivery", look_at_delivery(&config.delivery)),
    );
    vec![database, delivery]
}

async fn in_time(of: &'static str, look: impl Future<Output = Result<String, String>>) -> Finding {
    let late = |_elapsed| Err(format!("no answer in {} s", PATIENCE.as_secs()));
    Finding { of, found: timeout(PATIENCE, look).await.unwrap_or_else(late) }
}

async fn look_at_database(config: &Config) -> Result<String, String> {
    let database = &config.database;
    if let Some(file) = database.missing_file() {
        return Ok(format!("{} is not there yet: serve makes it", file.display()));
    }
    let store = database.connect_existing().await.map_err(|error| chain(&error).to_string())?;
    let found = look_at_store(config, store.as_ref()).await;
    store.close().await;
    let found = found?;
    if database.migrate_url.is_some() {
        let owner = database.connect_to_migrate().await;
        let owner = owner.map_err(|error| format!("{MIGRATE_URL}: {}", chain(&error)))?;
        owner.close().await;
    }
    Ok(found)
}

/// The setting of which a failure is told.
const MIGRATE_URL: &str = "COUNTERSIGN_MIGRATE_URL";

async fn look_at_store(config: &Config, store: &dyn Store) -> Result<String, String> {
    let is_migrated = store.is_migrated().await.map_err(|error| chain(&error).to_string())?;
    if !is_migrated {
        return match config.database.migrate {
            Migrate::On => Ok("it answers, and has migrations to run: serve runs them".to_owned()),
            Migrate::Check | Migrate::Off => {
                Err("it has migrations to run: run `countersign migrate`".to_owned())
            }
        };
    }
    if !config.master_key.is_there() {
        return Err("it is there, and its master key, which was made beside it, is not".to_owned());
    }
    let key = master_key(config).await.map_err(|error| chain(&error).to_string())?;
    let checked = service::check_master_key(key, store).await;
    checked.map_err(|error| chain(&error).to_string())?;
    Ok("it answers, its schema is up to date, and the master key is the one it was stored under"
        .to_owned())
}

async fn look_at_delivery(delivery: &Delivery) -> Result<String, String> {
    delivery.reach().await?;
    Ok(match delivery {
        Delivery::Log(_) => "the log takes the codes",
        Delivery::Smtp(_) => "the mail server answers, and takes the login if there is one",
        Delivery::Webhook(_) => "the webhook's server takes connections; it was asked nothing",
    }
    .to_owned())
}
