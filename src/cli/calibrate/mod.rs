//! `countersign calibrate`: what this machine can do, and what to set because of it.

mod advice;
mod data;
mod text;

use std::{io::Write as _, time::Duration};

use indicatif::{ProgressBar, ProgressStyle};

use crate::password::engine::{Calibration, Measurement, calibrate};

/// The costs that are shown.
const COSTS: std::ops::RangeInclusive<u32> = 10..=14;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// How long a login may take on a machine at full load
    #[arg(long, value_name = "TIME", default_value = "250ms", value_parser = humantime::parse_duration)]
    latency: Duration,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// How long to measure
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
}

pub(super) async fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let style = ProgressStyle::with_template("{bar:40} {percent:>3}%  {elapsed} of {duration}")?;
    // It shows itself only on a terminal.
    let bar = if arguments.json { ProgressBar::hidden() } else { ProgressBar::no_length() };
    let bar = bar.with_style(style);
    let calibration = calibrate(Duration::from_secs(arguments.seconds), |progress| {
        bar.set_length(progress.of.into());
        bar.set_position(progress.done.into());
    })
    .await?;
    bar.finish_and_clear();
    let result = if arguments.json {
        format!("{:#}\n", data::of(&calibration, arguments.latency))
    } else {
        text::of(&calibration, arguments.latency)
    };
    std::io::stdout().write_all(result.as_bytes())?;
    Ok(())
}

/// How long a hash takes whose iterations take `step` each.
fn hash_time(step: Duration, cost: u32) -> Duration {
    step.saturating_mul(1 << cost)
}

/// Hashes a second on so many cores.
fn rate(measured: &Measurement, cores: usize, cost: u32) -> f64 {
    measured.steps_a_second() * cores as f64 / f64::from(1_u32 << cost)
}

/// The best kernel as it runs at full load: all lanes of all cores in use.
fn full_load(calibration: &Calibration) -> Measurement {
    calibration.best.all_cores.unwrap_or(calibration.best.one_core)
}

/// The same kernel with one lane: a machine that has nothing else to do.
fn alone(calibration: &Calibration, kernel: &str) -> Measurement {
    let of_kernel = |measured: &Measurement| measured.kernel == kernel && measured.lanes == 1;
    let mut measured = calibration.rows.iter().map(|row| row.one_core);
    measured.find(of_kernel).unwrap_or(calibration.best.one_core)
}

/// The bcrypt crate, which the others are compared with.
fn bcrypt_crate(calibration: &Calibration) -> Measurement {
    alone(calibration, "crate")
}

/// Hashes a second of that cost on all cores, from the whole hashes that were run.
fn checked_rate(calibration: &Calibration, cost: u32) -> f64 {
    let check = &calibration.check;
    let steps = f64::from(check.hashes) * f64::from(1_u32 << check.cost);
    steps / check.took.as_secs_f64() / f64::from(1_u32 << cost)
}
