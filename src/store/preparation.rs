//! Schema checks and migrations before the service starts.

use std::str::FromStr;

use super::{Error, Result, Store, connect_accepting};

/// Handling of migrations at start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Migrate {
    /// Runs pending migrations.
    #[default]
    On,
    /// Starts only if none are pending.
    Check,
    /// No check at start. Readiness still checks.
    Off,
}

impl FromStr for Migrate {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        match text {
            "on" => Ok(Self::On),
            "check" => Ok(Self::Check),
            "off" => Ok(Self::Off),
            _ => Err("must be on, check or off".into()),
        }
    }
}

/// Options for bringing the schema up to date.
#[derive(Debug, Clone, Copy)]
pub struct Preparation<'a> {
    /// Whether to migrate.
    pub migrate: Migrate,
    /// Another URL for it than the store's: that of the tables' owner, past a pooler.
    pub url: Option<&'a str>,
    /// Hosts that may have `fsync` off.
    pub fsync_off_at: &'a [String],
}

/// Brings the schema of `store` up to date. A role with rights on rows only is enough where nothing is pending.
///
/// # Errors
/// A schema that is outdated, and can't or must not be migrated.
pub async fn prepare(store: &dyn Store, how: Preparation<'_>) -> Result<()> {
    match how.migrate {
        Migrate::Off => Ok(()),
        Migrate::Check => store.check().await,
        Migrate::On if store.is_migrated().await? => Ok(()),
        Migrate::On => {
            let migrated = match how.url {
                Some(url) => migrate_at(url, how.fsync_off_at).await,
                None => store.migrate().await,
            };
            migrated.map_err(with_advice)
        }
    }
}

async fn migrate_at(url: &str, fsync_off_at: &[String]) -> Result<()> {
    let owner = connect_accepting(url, 1, fsync_off_at).await?;
    let migrated = owner.migrate().await;
    owner.close().await;
    migrated
}

/// Adds advice to an error about a missing right.
fn with_advice(error: Error) -> Error {
    if error.sqlstate().as_deref() == Some("42501") {
        return Error::Unfit(
            "the schema must be migrated, and this role may not change it: run `countersign migrate` as the owner of the \
             tables, or give the owner's URL as COUNTERSIGN_MIGRATE_URL"
                .into(),
        );
    }
    error
}
