//! `countersign calibrate`: measures this machine and advises a bcrypt cost.

mod advice;
mod data;
mod rates;
mod text;

use std::{io::Write as _, time::Duration};

use indicatif::{ProgressBar, ProgressStyle};

use crate::password::engine::calibrate;

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
    // A progress bar shows itself only on a terminal.
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
