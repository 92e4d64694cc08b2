//! The configuration. The only module that reads the environment.
//!
//! [`TOPICS`] is the one table of all settings: flags, environment variables, defaults, help and docs/configure.md follow it.
//! Each topic has a file of its own, which reads its settings; every problem of all topics is reported at once.

mod database;
mod delivery;
mod flags;
mod listen;
mod log;
mod master_key;
mod password;
mod policy;
mod problems;
mod profile;
mod reader;
mod reads;
mod setting;
mod settings;
mod tokens;
mod values;

use std::{net::SocketAddr, time::Duration};

use self::reader::Reader;
use crate::{
    delivery::Delivery,
    domain::Policy,
    password::Settings as Hashing,
    token::{self, MasterKey},
};

pub use self::{
    database::Database,
    listen::Listen,
    log::{Log, LogFormat},
    master_key::MasterKeySource,
    problems::{Problem, Problems},
    profile::Profile,
    reads::Reads,
    setting::{DefaultValue, Setting},
    settings::{TOPICS, all_settings},
    tokens::Signing,
    values::Settings,
};

/// The whole configuration.
#[derive(Debug)]
pub struct Config {
    /// What the deployment is for.
    pub profile: Profile,
    /// The database.
    pub database: Database,
    /// The listeners.
    pub listen: Listen,
    /// What encrypts keys and secrets at rest.
    pub master_key: MasterKeySource,
    /// What encrypted them before, while it is being replaced.
    pub old_master_key: Option<MasterKey>,
    /// How codes reach people.
    pub delivery: Delivery,
    /// What signs access tokens.
    pub signing: Signing,
    /// How old a stored signing key gets before the next one is made.
    pub key_rotation: Duration,
    /// From when every replica publishes a new key to its first signature.
    pub key_lead: Duration,
    /// What access tokens say.
    pub access_tokens: token::Settings,
    /// The rules for users, codes and sessions.
    pub policy: Policy,
    /// How passwords are hashed.
    pub password: Hashing,
    /// The log.
    pub log: Log,
}

impl Config {
    /// Parses and checks the settings.
    ///
    /// # Errors
    /// All problems of all settings.
    pub fn parse(settings: &Settings) -> Result<Self, Problems> {
        let mut reader = Reader::new(settings);
        let url = reader.database_url();
        let profile = Profile::of(&url);
        let config = Self {
            profile,
            database: reader.database(&url),
            listen: reader.listen(profile),
            master_key: reader.master_key(profile, &url),
            old_master_key: reader.old_master_key(),
            delivery: reader.delivery(profile),
            signing: reader.signing(),
            key_rotation: reader.key_rotation(),
            key_lead: reader.key_lead(),
            access_tokens: reader.access_tokens(profile),
            policy: reader.policy(),
            password: reader.password(profile),
            log: reader.log(),
        };
        reader.key_lead_fits(config.key_lead, config.key_rotation);
        reader.problems.or(config)
    }

    /// The settings that `migrate`, `backup`, `restore` and `events` need: who does no more than that need not know the keys.
    ///
    /// # Errors
    /// All problems of these settings.
    pub fn parse_for_database(settings: &Settings) -> Result<(Database, Log), Problems> {
        let mut reader = Reader::new(settings);
        let url = reader.database_url();
        let config = (reader.database(&url), reader.log());
        reader.problems.or(config)
    }

    /// The settings that `healthcheck` needs.
    ///
    /// # Errors
    /// All problems of these settings.
    pub fn parse_for_probe(settings: &Settings) -> Result<(SocketAddr, Log), Problems> {
        let mut reader = Reader::new(settings);
        let config = (reader.grpc_addr(), reader.log());
        reader.problems.or(config)
    }
}

#[cfg(test)]
mod tests;
