//! The configuration. The only module that reads the environment.
//!
//! [`SETTINGS`] is the one table of all settings: flags, environment variables, help and the README follow it. Each topic
//! has a struct of its own; every problem of all topics is reported at once.

mod master_key;
mod problems;
mod settings;
mod topics;

pub use self::{
    master_key::MasterKeySource,
    problems::{Problem, Problems},
    settings::{SETTINGS, Setting, Settings},
    topics::{Config, Database, Listen, Log, LogFormat, Profile, Signing},
};
