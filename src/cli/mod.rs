//! The command line: one file a subcommand.

mod healthcheck;
mod migrate;
mod seed;
mod serve;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use crate::config::{Config, Settings};

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
}

/// Parses the command line and does what it asks.
///
/// # Errors
/// All that is wrong with the configuration, or why the command did not succeed.
pub fn run() -> anyhow::Result<()> {
    let matches = CommandLine::command().args(Settings::arguments()).get_matches();
    let command = CommandLine::from_arg_matches(&matches)?.command.unwrap_or(Command::Serve);
    let config = Config::parse(&Settings::gather(&matches)?)?;
    crate::telemetry::start(&config.log);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        match command {
            Command::Serve => Box::pin(serve::run(&config)).await,
            Command::Migrate => migrate::run(&config).await,
            Command::Healthcheck(arguments) => healthcheck::run(&config, &arguments).await,
            Command::Seed(arguments) => seed::run(&config, &arguments).await,
        }
    })
}
