//! The hashing engine beside the bcrypt crate on every core, and beside John the Ripper where that is installed.
//!
//! `cargo bench --bench engine -- --cost 10` for another cost than 12. `-- --settings` compares the engine's choice with
//! each fixed setting instead, also beside a neighbour on each core that walks 32 KiB of memory. Made for a machine that others use as well: all
//! sides run at the engine's own priority and take turns, so that each round compares neighbours in time, and the table
//! shows medians over the rounds.

#![expect(clippy::print_stdout, reason = "printing a table is what this is for")]

mod engine;
mod john;
mod neighbour;
mod plain;
mod settings;
mod table;

use std::thread;

use anyhow::Context as _;
use bcrypt_lanes::{Cost, Kernel};
use clap::Parser;
use countersign::password::engine::KernelChoice;
use indicatif::{ProgressBar, ProgressStyle};

use self::{engine::Engine, john::John, settings::Settings, table::Table};

/// That of the engine's threads. A side with a better one would take cycles from other work on the machine, and win.
const NICE: i32 = 10;

#[derive(Debug, Parser)]
struct Arguments {
    /// bcrypt's cost
    #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(u32).range(4..=16))]
    cost: u32,
    /// How often each side is measured
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
    /// Compare the engine's choice of kernel and lanes with each fixed setting
    #[arg(long)]
    settings: bool,
    /// What cargo gives to every benchmark
    #[arg(long, hide = true)]
    bench: bool,
}

/// All that is measured.
struct Sides {
    cost: Cost,
    cores: usize,
    engines: Vec<Engine>,
    john: Option<John>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    // For this thread and all that it starts, which is all there are.
    rustix::process::setpriority_process(None, NICE)?;
    let arguments = Arguments::parse();
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let (cores, cost) = (thread::available_parallelism()?.get(), Cost::try_from(arguments.cost)?);
    println!("Cost {}, {cores} cores, medians of {} rounds.", arguments.cost, arguments.rounds);
    if let Some(load) = load.split(' ').next() {
        println!("Threads that ran or waited in the minute before: {load}.\n");
    }
    let bar = ProgressBar::new(arguments.rounds.into()).with_style(ProgressStyle::with_template(
        "Measuring {bar:30} {pos}/{len} rounds, {eta} left",
    )?);
    if arguments.settings {
        let mut settings = Settings::start(cost, cores).await?;
        for _ in 0..arguments.rounds {
            settings.measure().await?;
            bar.inc(1);
        }
        bar.finish_and_clear();
        println!("{settings}");
        return Ok(());
    }
    let (sides, mut table) = (Sides::start(cost, cores).await?, Table::default());
    for _ in 0..arguments.rounds {
        sides.measure(&mut table).await?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    println!("{table}");
    match &sides.john {
        Some(john) => println!("{john}"),
        None => println!("John the Ripper is not installed: there is no figure of it."),
    }
    Ok(())
}

impl Sides {
    async fn start(cost: Cost, cores: usize) -> anyhow::Result<Self> {
        let mut engines = Vec::new();
        for (name, kernel) in [
            ("portable", KernelChoice::Portable),
            ("bmi", KernelChoice::Bmi),
            ("auto", KernelChoice::Auto),
        ] {
            if name == "auto" || Kernel::available().any(|kernel| kernel.name() == name) {
                engines.push(Engine::start(name, kernel, None, cost, cores).await?);
            }
        }
        Ok(Self { cost, cores, engines, john: John::find(cost) })
    }

    /// One round: each side once.
    async fn measure(&self, table: &mut Table) -> anyhow::Result<()> {
        table.rate("bcrypt crate", None, plain::rate(self.cost, self.cores)?);
        for engine in &self.engines {
            table.rate(&format!("engine, {}", engine.name), engine.aim(), engine.rate().await?);
        }
        if let Some(john) = &self.john {
            table.rate("John the Ripper", None, john.rate(self.cores)?);
        }
        let auto = self.engines.last().context("there is always auto")?;
        table.alone(plain::time(self.cost), auto.time().await?);
        Ok(())
    }
}
