//! The command line: one file a subcommand.

mod calibrate;
mod date;
mod events;
mod healthcheck;
mod keys;
mod migrate;
mod reencrypt;
mod seed;
mod serve;
mod table;
mod user;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use crate::{
    config::{Config, Settings},
    telemetry,
};

/// What the command line asks for.
#[derive(Debug, Parser)]
#[command(version, about)]
struct CommandLine {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve gRPC and HTTP (the default)
    Serve,
    /// Bring the database's schema up to date, and end
    Migrate,
    /// Ask the server at the configured gRPC address how it is
    Healthcheck(healthcheck::Arguments),
    /// Make sample users, half of them with a second factor
    Seed(seed::Arguments),
    /// List, replace and retire the keys that sign access tokens; encrypt everything under another master key
    Keys(keys::Arguments),
    /// List what happened that matters for security, the newest last
    Events(events::Arguments),
    /// Disable and enable users, and let those back in who have lost phone and recovery codes
    User(user::Arguments),
    /// Measure what this machine can do, and advise a bcrypt cost. Reads no settings
    Calibrate(calibrate::Arguments),
}

/// Parses the command line and does what it asks.
///
/// # Errors
/// All that is wrong with the configuration, or why the command did not succeed.
pub fn run() -> anyhow::Result<()> {
    let matches = CommandLine::command().args(Settings::arguments()).get_matches();
    let command = CommandLine::from_arg_matches(&matches)?.command.unwrap_or(Command::Serve);
    let settings = Settings::gather(&matches);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    match command {
        Command::Migrate => {
            let (database, log) = Config::parse_for_database(&settings)?;
            telemetry::start(&log);
            runtime.block_on(migrate::run(&database))
        }
        Command::Healthcheck(arguments) => {
            let (listen, log) = Config::parse_for_probe(&settings)?;
            telemetry::start(&log);
            runtime.block_on(healthcheck::run(&listen, &arguments))
        }
        Command::Serve => {
            let config = Config::parse(&settings)?;
            telemetry::start(&config.log);
            runtime.block_on(serve::run(&config))
        }
        Command::Seed(arguments) => {
            let config = Config::parse(&settings)?;
            telemetry::start(&config.log);
            runtime.block_on(seed::run(&config, &arguments))
        }
        Command::Keys(arguments) => {
            let config = Config::parse(&settings)?;
            telemetry::start(&config.log);
            runtime.block_on(keys::run(&config, &arguments))
        }
        Command::Events(arguments) => {
            let (database, log) = Config::parse_for_database(&settings)?;
            telemetry::start(&log);
            runtime.block_on(events::run(&database, &arguments))
        }
        Command::User(arguments) => {
            let config = Config::parse(&settings)?;
            telemetry::start(&config.log);
            runtime.block_on(user::run(&config, &arguments))
        }
        Command::Calibrate(arguments) => runtime.block_on(calibrate::run(&arguments)),
    }
}
