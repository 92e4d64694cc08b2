//! Attacks the service as ADR 14 expects it, and prints what the attacker got and what an owner beside it saw: password spraying,
//! guessed codes, floods of mails, polling with wrong passwords, a pile of sessions.
//!
//! `cargo run --release --example attack`; `-- --short` is what CI runs. One server, in this process, on a temporary SQLite file
//! or an empty database of yours. The attackers' addresses are made up, as a trusted proxy would forward them; nothing leaves the
//! loopback. Counts are fixed. Where an attack takes an hour, the server's clock is put forward. Each bound of ADR 14 stands beside
//! what was measured, and one that is broken gives exit code 1. Times are printed and decide nothing.

#![expect(clippy::print_stdout, reason = "printing a table is what this is for")]

mod bounds;
mod caller;
mod inbox;
mod report;
mod scenarios;
mod server;
mod siege;
#[path = "../../src/cli/table.rs"]
mod table;

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};

use self::{
    report::Row,
    scenarios::{Sizes, Stage},
    server::Server,
};

/// Longer than any scenario takes, also on a busy machine.
const TIME_LIMIT: Duration = Duration::from_secs(300);

#[derive(Debug, Parser)]
struct Arguments {
    /// Small counts, for CI
    #[arg(long)]
    short: bool,
    /// bcrypt's cost
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(4..=14))]
    cost: u32,
    /// An empty database [default: a temporary SQLite file]
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
}

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let begun = Instant::now();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let rows = runtime.block_on(run(&arguments))?;
    print!("{}", report::table(&rows));
    let broken: Vec<_> = rows.iter().flat_map(Row::broken).collect();
    println!("\n{} of {} rows hold, in {} s", held(&rows), rows.len(), begun.elapsed().as_secs());
    for bound in &broken {
        println!("BROKEN: {bound}");
    }
    Ok(if broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn held(rows: &[Row]) -> usize {
    rows.iter().filter(|row| row.broken().is_empty()).count()
}

async fn run(arguments: &Arguments) -> anyhow::Result<Vec<Row>> {
    let server = Server::start(arguments.cost, arguments.database_url.as_deref()).await?;
    let sizes = if arguments.short { Sizes::SHORT } else { Sizes::FULL };
    let stage = Stage::new(server, sizes);
    let bar = ProgressBar::new(scenarios::EACH.len() as u64)
        .with_style(ProgressStyle::with_template("{bar:20} {pos}/{len} {elapsed} {wide_msg}")?);
    bar.enable_steady_tick(Duration::from_millis(200));
    let mut rows = Vec::new();
    for scenario in scenarios::EACH {
        bar.set_message(scenario.name());
        let ended = tokio::time::timeout(TIME_LIMIT, Box::pin(scenario.run(&stage))).await;
        let of_scenario = ended.context("it takes too long").flatten();
        rows.extend(of_scenario.with_context(|| scenario.name())?);
        bar.inc(1);
    }
    bar.finish_and_clear();
    stage.server.stop().await?;
    Ok(rows)
}
