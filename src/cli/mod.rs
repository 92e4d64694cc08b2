//! The command line: one file a subcommand.

mod backup;
mod breached;
mod bytes;
mod calibrate;
mod config;
mod context;
mod date;
mod events;
mod export;
mod healthcheck;
mod import;
mod keys;
mod migrate;
mod reencrypt;
mod restore;
mod seed;
mod serve;
mod service_account;
mod table;
mod unseen;
mod user;

use std::time::Duration;

use clap::{ArgMatches, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use tokio::runtime::Runtime;

use crate::{
    app::Environment,
    config::{Config, LogFormat, Reads, Settings},
    telemetry,
};

/// The parsed command line.
#[derive(Debug, Parser)]
#[command(version, about, propagate_version = true)]
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
    /// Copy the SQLite database to a file, beside a running server
    Backup(backup::Arguments),
    /// Put a back-up in the place of the SQLite database, while no server runs
    Restore(restore::Arguments),
    /// Ask the server at the configured gRPC address how it is
    Healthcheck(healthcheck::Arguments),
    /// Check the settings without a start, or show them all and where each comes from
    Config(config::Arguments),
    /// Make sample users, half of them with a second factor
    Seed(seed::Arguments),
    /// List, replace and retire the keys that sign access tokens; encrypt everything under another master key
    Keys(keys::Arguments),
    /// List what happened that matters for security, the newest last
    Events(events::Arguments),
    /// Make, find, change and delete users; let those back in who have lost phone and recovery codes
    User(user::Arguments),
    /// Bring users along from another system, with the hashes of their passwords
    Import(import::Arguments),
    /// Write all users to a file that can be imported again
    Export(export::Arguments),
    /// Create, change and end service accounts, and their keys: machines that call
    ServiceAccount(service_account::Arguments),
    /// Make and look at the list of breached passwords that nobody may choose. Reads no settings
    Breached(breached::Arguments),
    /// Measure what this machine can do, and advise a bcrypt cost. Reads no settings
    Calibrate(calibrate::Arguments),
}

/// The whole command line. Each command takes the flags of all settings, and its help shows those that it reads.
fn command_line() -> clap::Command {
    let mut command = CommandLine::command().args(Settings::arguments());
    for (name, reads) in [
        ("migrate", Reads::Database),
        ("backup", Reads::Database),
        ("restore", Reads::Database),
        ("events", Reads::Database),
        ("healthcheck", Reads::Probe),
        ("breached", Reads::Nothing),
        ("calibrate", Reads::Nothing),
    ] {
        command =
            command.mut_subcommand(name, |command| command.args(Settings::arguments_of(reads)));
    }
    command
}

/// Parses the command line. Help and version are printed, and errors follow the log's format; then the process ends.
fn matches(format: LogFormat) -> ArgMatches {
    command_line().try_get_matches().unwrap_or_else(|error| {
        if error.use_stderr() && format == LogFormat::Json {
            telemetry::say_usage(&error.to_string());
            std::process::exit(error.exit_code())
        }
        error.exit()
    })
}

/// Parses the command line and runs the command.
///
/// # Errors
/// All problems of the configuration, or the command's failure.
pub fn run(format: LogFormat) -> anyhow::Result<()> {
    let matches = matches(format);
    let command = CommandLine::from_arg_matches(&matches)?.command.unwrap_or(Command::Serve);
    let settings = Settings::gather(&matches);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    // The log starts with what is configured of it.
    let configured = || {
        let config = Config::parse(&settings)?;
        telemetry::start(&config.log);
        anyhow::Ok(config)
    };
    let database = || {
        let (database, log) = Config::parse_for_database(&settings)?;
        telemetry::start(&log);
        anyhow::Ok(database)
    };
    match command {
        Command::Migrate => runtime.block_on(migrate::run(&database()?)),
        Command::Backup(given) => runtime.block_on(backup::run(&database()?, &given)),
        Command::Restore(given) => runtime.block_on(restore::run(&database()?, &given)),
        Command::Events(given) => runtime.block_on(events::run(&database()?, &given)),
        Command::Healthcheck(given) => {
            let (probe, log) = Config::parse_for_probe(&settings)?;
            telemetry::start(&log);
            runtime.block_on(healthcheck::run(&probe, &given))
        }
        Command::Serve => {
            let config = Config::parse_to_serve(&settings)?;
            let (log_filter, spans) =
                telemetry::start_to_serve(&config.log, config.tracing.as_ref());
            let settings = Config::list_as_json(&settings);
            let environment = Environment { log_filter, settings, ..Environment::default() };
            to_the_end(runtime, serve::run(&config, environment, spans))
        }
        Command::Config(given) => runtime.block_on(config::run(&settings, &given)),
        Command::Seed(given) => runtime.block_on(seed::run(&configured()?, &given)),
        Command::Keys(given) => runtime.block_on(keys::run(&configured()?, &given)),
        Command::User(given) => {
            let mut config = Config::parse(&settings)?;
            // What the engine has measured is for a server's log: here it would stand before the answer.
            config.log.filter += ",countersign::password=warn";
            telemetry::start(&config.log);
            runtime.block_on(user::run(config, &given))
        }
        Command::Import(given) => runtime.block_on(import::run(&configured()?, &given)),
        Command::Export(given) => runtime.block_on(export::run(&configured()?, &given)),
        Command::ServiceAccount(given) => {
            runtime.block_on(service_account::run(&configured()?, &given))
        }
        Command::Breached(given) => breached::run(&given),
        Command::Calibrate(given) => runtime.block_on(calibrate::run(&given)),
    }
}

/// How long threads may go on when a server has ended.
const LAST: Duration = Duration::from_millis(500);

/// Runs a server to its end. What blocks a thread then is not waited for, as a runtime that is dropped would: a name that is looked up
/// where no DNS server answers can take a minute.
fn to_the_end<T>(runtime: Runtime, server: impl Future<Output = T>) -> T {
    let ended = runtime.block_on(server);
    runtime.shutdown_timeout(LAST);
    ended
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, thread};

    use super::*;

    #[test]
    fn what_blocks_a_thread_does_not_hold_up_the_end() {
        let (hold, held) = mpsc::channel::<()>();
        let (tell, ended) = mpsc::channel();
        thread::spawn(move || {
            let runtime = Runtime::new().unwrap();
            let server = async {
                let (begin, begun) = tokio::sync::oneshot::channel();
                tokio::task::spawn_blocking(move || {
                    begin.send(()).unwrap();
                    held.recv()
                });
                begun.await.unwrap();
                7
            };
            tell.send(to_the_end(runtime, server))
        });
        assert_eq!(ended.recv_timeout(Duration::from_secs(120)), Ok(7));
        drop(hold);
    }
}
