//! The configuration. The only module that reads the environment.
//!
//! [`TOPICS`] is the one table of all settings: flags, environment variables, defaults, help and docs/configure.md
//! follow it. Each topic has a file of its own, which reads its settings; every problem of all topics is reported at
//! once.

mod account_settings;
mod assertions;
mod authorization;
mod authorization_settings;
mod database;
mod delivery;
mod flags;
mod listed;
mod listed_json;
mod listen;
mod log;
mod master_key;
mod passkey_settings;
mod passkeys;
mod password;
mod password_settings;
mod policy;
mod problems;
mod profile;
mod reader;
mod reads;
mod setting;
mod settings;
mod tls;
mod tls_settings;
mod token_settings;
mod tokens;
mod tracing;
mod tracing_settings;
mod values;
mod warnings;

use std::{path::PathBuf, time::Duration};

use self::reader::Reader;
use crate::{
    delivery::Delivery,
    domain::Policy,
    listen::Address,
    password::Settings as Hashing,
    token::{self, MasterKey},
};

pub use self::{
    assertions::Assertions,
    authorization::Authorization,
    database::Database,
    listed::{Listed, Shown},
    listen::Listen,
    log::{Log, LogFormat},
    master_key::MasterKeySource,
    passkeys::{PasskeyPages, Passkeys},
    problems::{Problem, Problems},
    profile::Profile,
    reads::Reads,
    setting::{DefaultValue, Setting},
    settings::{TOPICS, all_settings},
    tokens::Signing,
    tracing::{Export, Protocol, Tracing},
    values::{Settings, Source},
    warnings::Warning,
};

/// The whole configuration.
#[derive(Debug)]
pub struct Config {
    /// The purpose of the deployment.
    pub profile: Profile,
    /// The database.
    pub database: Database,
    /// The listeners.
    pub listen: Listen,
    /// The key that encrypts keys and secrets at rest.
    pub master_key: MasterKeySource,
    /// The previous master key, while it is being replaced.
    pub old_master_key: Option<MasterKey>,
    /// How codes are delivered.
    pub delivery: Delivery,
    /// The signing key of access tokens.
    pub signing: Signing,
    /// The age of a stored signing key at which it is rotated.
    pub key_rotation: Duration,
    /// The time between a new key's publication by every replica and its first signature.
    pub key_lead: Duration,
    /// Claims of access tokens.
    pub access_tokens: token::Settings,
    /// Whose assertions are believed, and where their keys are fetched from.
    pub assertions: Assertions,
    /// How requests to other services are decided, if they are.
    pub authorization: Option<Authorization>,
    /// The rules for users, codes and sessions.
    pub policy: Policy,
    /// Passkeys.
    pub passkeys: Passkeys,
    /// How passwords are hashed.
    pub password: Hashing,
    /// The list that new passwords must not be on.
    pub breached_passwords: Option<PathBuf>,
    /// The log.
    pub log: Log,
    /// Traces; `None` where there are none.
    pub tracing: Option<Tracing>,
}

/// What the health check calls, and how.
#[derive(Debug, Clone)]
pub struct Probe {
    /// gRPC.
    pub address: Address,
    /// Whether it has TLS.
    pub tls: bool,
    /// The server's certificate and key, shown to it where it asks for one.
    pub identity: Option<(PathBuf, PathBuf)>,
}

impl Config {
    /// Parses and checks the settings.
    ///
    /// # Errors
    /// All problems of all settings.
    pub fn parse(settings: &Settings) -> Result<Self, Problems> {
        let mut reader = Reader::new(settings);
        let config = Self::read(&mut reader);
        reader.problems.or(config)
    }

    /// Parses and checks the settings, and the files of certificates, rules and breached passwords: most commands use none of them,
    /// and work where one has expired.
    ///
    /// # Errors
    /// All problems of all settings.
    pub fn parse_to_serve(settings: &Settings) -> Result<Self, Problems> {
        let (config, problems) = Self::examine(settings);
        problems.or(config)
    }

    /// The configuration to serve by, with defaults in the place of what is wrong, and the problems.
    fn examine(settings: &Settings) -> (Self, Problems) {
        let mut reader = Reader::new(settings);
        let config = Self::read(&mut reader);
        let Listen { grpc_tls, http_tls, .. } = &config.listen;
        reader.certificates(grpc_tls.as_ref(), http_tls.as_ref());
        config.authorization.iter().for_each(|of| reader.authorization_rules(of));
        config.breached_passwords.iter().for_each(|path| reader.breached_passwords_file(path));
        (config, reader.problems)
    }

    fn read(reader: &mut Reader<'_>) -> Self {
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
            assertions: reader.assertions(),
            authorization: reader.authorization(),
            policy: reader.policy(),
            passkeys: reader.passkeys(profile),
            password: reader.password(profile),
            breached_passwords: reader.breached_passwords(),
            log: reader.log(),
            tracing: reader.tracing(),
        };
        reader.key_lead_fits(config.key_lead, config.key_rotation);
        reader.quiet_registration_fits(&config.policy);
        config
    }

    /// The settings that `migrate`, `backup`, `restore` and `events` need: these commands run without the keys (least
    /// privilege).
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
    pub fn parse_for_probe(settings: &Settings) -> Result<(Probe, Log), Problems> {
        let mut reader = Reader::new(settings);
        let (address, (tls, identity)) = (reader.grpc_addr(), reader.probe_tls());
        let tls = tls && address.tcp().is_some();
        let config = (Probe { address, tls, identity }, reader.log());
        reader.problems.or(config)
    }
}

#[cfg(test)]
mod bad_values_tests;
#[cfg(test)]
mod callers_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tls_tests;
#[cfg(test)]
mod tracing_tests;
