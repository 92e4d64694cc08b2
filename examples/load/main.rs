//! Drives Login over gRPC as many callers do and prints what came of it: throughput, latencies, refusals, memory.
//!
//! `cargo run --release --example load -- --scenario overload`. Each scenario starts a server of its own: this program
//! again, as `countersign serve`, on a temporary SQLite file and free ports of the loopback; `database` and `among` take
//! Postgres (`scripts/measure` gives it to them). A process of its own, because its memory can then be told from the load's; the processor is shared either way, and the table says how
//! much of it the load took. Latencies count from when a call was meant to begin, so a server that holds the load up
//! does not look the better for it. Nothing fails for being slow: the aim stands beside each figure.

#![expect(clippy::print_stdout, reason = "printing a table is what this is for")]

mod bare;
mod client;
mod figures;
mod load;
mod measured;
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
    /// An empty database for `database`; for `among` one with few sample users, and one with many
    #[arg(long)]
    postgres: Vec<String>,
    /// Print a line of JSON for each figure
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Scenario {
    /// One after the other, but for those that take Postgres
    All,
    /// As many logins as can be done, beside what the engine does by itself
    Peak,
    /// Ten times that
    Overload,
    /// The same on few accounts
    Accounts,
    /// Cheap calls while logins take all cores
    Mixed,
    /// Callers that go away
    Cancel,
    /// One address that takes all it can get, and nine others
    Fairness,
    /// Ten thousand callers that wait
    Memory,
    /// Ten thousand connections, and a stream of revocations on each
    Connections,
    /// Throughput and latency over the offered load, beside an empty RPC
    Curve,
    /// What a login costs its Postgres
    Database,
    /// Login, RefreshToken and GetMe among many users, beside few
    Among,
}

const EACH: [Scenario; 9] = [
    Scenario::Peak,
    Scenario::Overload,
    Scenario::Accounts,
    Scenario::Mixed,
    Scenario::Cancel,
    Scenario::Fairness,
    Scenario::Memory,
    Scenario::Connections,
    Scenario::Curve,
];

fn main() -> anyhow::Result<()> {
    // What `server` starts.
    let role = std::env::args().nth(1);
    if role.as_deref() == Some("serve") {
        return countersign::cli::run(countersign::config::LogFormat::Text);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    match role.as_deref() {
        Some("measured") => return runtime.block_on(measured::serve(std::env::args().skip(1))),
        Some("empty") => return runtime.block_on(measured::serve_empty()),
        _ => {}
    }
    let arguments = Arguments::parse();
    let report = runtime.block_on(run(&arguments))?;
    if arguments.json {
        println!("{}", report.json());
    } else {
        println!("{report}");
    }
    Ok(())
}

async fn run(arguments: &Arguments) -> anyhow::Result<Report> {
    let one = [arguments.scenario];
    let scenarios = if arguments.scenario == Scenario::All { &EACH[..] } else { &one[..] };
    let bar = ProgressBar::new(scenarios.len() as u64)
        .with_style(ProgressStyle::with_template("{bar:20} {pos}/{len} {elapsed} {wide_msg}")?);
    bar.enable_steady_tick(Duration::from_millis(200));
    let duration = Duration::from_secs(arguments.seconds);
    let postgres = arguments.postgres.clone();
    let plan = Plan { cost: arguments.cost, duration, postgres, bar: bar.clone() };
    let mut report = Report::default();
    report.title(figures::machine()?);
    for scenario in scenarios {
        play(*scenario, &plan, &mut report).await?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(report)
}

async fn play(scenario: Scenario, plan: &Plan, report: &mut Report) -> anyhow::Result<()> {
    // Large futures: each on the heap.
    match scenario {
        Scenario::All => Ok(()),
        Scenario::Peak => Box::pin(scenarios::peak::run(plan, report)).await,
        Scenario::Overload => Box::pin(scenarios::overload::run(plan, report)).await,
        Scenario::Accounts => Box::pin(scenarios::accounts::run(plan, report)).await,
        Scenario::Mixed => Box::pin(scenarios::mixed::run(plan, report)).await,
        Scenario::Cancel => Box::pin(scenarios::cancel::run(plan, report)).await,
        Scenario::Fairness => Box::pin(scenarios::fairness::run(plan, report)).await,
        Scenario::Memory => Box::pin(scenarios::memory::run(plan, report)).await,
        Scenario::Connections => Box::pin(scenarios::connections::run(plan, report)).await,
        Scenario::Curve => Box::pin(scenarios::curve::run(plan, report)).await,
        Scenario::Database => Box::pin(scenarios::database::run(plan, report)).await,
        Scenario::Among => Box::pin(scenarios::among::run(plan, report)).await,
    }
}
