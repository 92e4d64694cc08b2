//! Drives Login over gRPC as many callers do and prints what came of it: throughput, latencies, refusals, memory.
//!
//! `cargo run --release --example load -- --scenario overload`. Each scenario starts a server of its own: this program
//! again, as `countersign serve`, on a temporary SQLite file and free ports of the loopback. A process of its own,
//! because its memory can then be told from the load's; the processor is shared either way, and the table says how
//! much of it the load took. Latencies count from when a call was meant to begin, so a server that holds the load up
//! does not look the better for it. Nothing fails for being slow: the aim stands beside each figure.

#![expect(clippy::print_stdout, reason = "printing a table is what this is for")]

mod bare;
mod client;
mod figures;
mod load;
mod report;
mod scenarios;
mod server;
mod tally;

use std::time::Duration;

use clap::{Parser, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};

use self::{report::Report, scenarios::Plan};

#[derive(Debug, Parser)]
struct Arguments {
    /// bcrypt's cost
    #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(u32).range(8..=14))]
    cost: u32,
    /// How long each scenario offers its load
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=60))]
    seconds: u64,
    /// What to do
    #[arg(long, value_enum, default_value_t = Scenario::All)]
    scenario: Scenario,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Scenario {
    /// One after the other
    All,
    /// As many logins as can be done, beside what the engine does by itself
    Peak,
    /// Ten times that
    Overload,
    /// Cheap calls while logins take all cores
    Mixed,
    /// Callers that go away
    Cancel,
    /// One address that takes all it can get, and nine others
    Fairness,
    /// Ten thousand callers that wait
    Memory,
}

const EACH: [Scenario; 6] = [
    Scenario::Peak,
    Scenario::Overload,
    Scenario::Mixed,
    Scenario::Cancel,
    Scenario::Fairness,
    Scenario::Memory,
];

fn main() -> anyhow::Result<()> {
    // What `server` starts.
    if std::env::args().nth(1).as_deref() == Some("serve") {
        return countersign::cli::run(countersign::config::LogFormat::Text);
    }
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let report = runtime.block_on(run(&arguments))?;
    println!("{report}");
    Ok(())
}

async fn run(arguments: &Arguments) -> anyhow::Result<Report> {
    let wanted = |one: &&Scenario| [Scenario::All, **one].contains(&arguments.scenario);
    let scenarios: Vec<_> = EACH.iter().filter(wanted).collect();
    let bar = ProgressBar::new(scenarios.len() as u64)
        .with_style(ProgressStyle::with_template("{bar:20} {pos}/{len} {elapsed} {wide_msg}")?);
    bar.enable_steady_tick(Duration::from_millis(200));
    let duration = Duration::from_secs(arguments.seconds);
    let plan = Plan { cost: arguments.cost, duration, bar: bar.clone() };
    let mut report = Report::default();
    report.title(figures::machine()?);
    for scenario in scenarios {
        // Large futures: each on the heap.
        match scenario {
            Scenario::Peak => Box::pin(scenarios::peak::run(&plan, &mut report)).await?,
            Scenario::Overload => Box::pin(scenarios::overload::run(&plan, &mut report)).await?,
            Scenario::Mixed => Box::pin(scenarios::mixed::run(&plan, &mut report)).await?,
            Scenario::Cancel => Box::pin(scenarios::cancel::run(&plan, &mut report)).await?,
            Scenario::Fairness => Box::pin(scenarios::fairness::run(&plan, &mut report)).await?,
            Scenario::Memory => Box::pin(scenarios::memory::run(&plan, &mut report)).await?,
            Scenario::All => {}
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(report)
}
