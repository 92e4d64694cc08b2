//! What a call costs until it is refused: every string field of every RPC, from the descriptor set, with the dearest text of
//! the greatest size that a request may have, and of the greatest that the field may have.
//!
//! `cargo bench --bench refusals`. The server is in this process, on SQLite; callers have a thread of their own, and what is
//! counted is the processor time of all other threads. Beside each call stands one whose bytes are in a field that nobody
//! knows: transport, layers and the bearer token cost the same there, and what is more is what the text costs. The two take
//! turns, so that each round compares neighbours in time. Exits with 1 if a text costs more than it may.

#![expect(clippy::print_stdout, reason = "printing a table is what this is for")]

mod fields;
mod server;
mod table;

use std::{process::ExitCode, time::Duration};

use clap::Parser;
use countersign::domain::size;
use indicatif::{ProgressBar, ProgressStyle};

use self::{
    fields::{Field, TEXTS},
    server::Server,
    table::{Row, Table},
};

/// What a text may cost until it is refused.
const MOST: Duration = Duration::from_micros(200);

/// The largest request (ADR 4), less room for what stands around the text.
const REQUEST: usize = 64 * 1024 - 64;

#[derive(Debug, Parser)]
struct Arguments {
    /// How often each text is measured
    #[arg(long, default_value_t = 9, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
    /// Calls of each round
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    calls: u32,
    /// What cargo gives to every benchmark
    #[arg(long, hide = true)]
    bench: bool,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let folder = tempfile::tempdir()?;
    let server = Server::start(folder.path()).await?;
    let fields = fields::all()?;
    let bar = ProgressBar::new(fields.len().try_into()?)
        .with_style(ProgressStyle::with_template("Measuring {bar:30} {pos}/{len} fields")?);
    let mut table = Table::new(MOST);
    for field in &fields {
        table.add(measure(&server, field, &arguments).await?);
        bar.inc(1);
    }
    bar.finish_and_clear();
    println!("Milliseconds of processor a call, medians of {} rounds.\n", arguments.rounds);
    println!("{table}");
    Ok(if table.too_dear() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The dearest text at each of the two sizes.
async fn measure(server: &Server, field: &Field, arguments: &Arguments) -> anyhow::Result<Row> {
    let most = size::ALL.iter().find(|size| size.field == field.name);
    let most = most.ok_or_else(|| anyhow::anyhow!("{} has no size", field.name))?.max_bytes;
    let mut row = Row::new(format!("{} {}", field.rpc, field.name));
    let (rounds, calls) = (arguments.rounds, arguments.calls);
    for part in TEXTS {
        for bytes in [REQUEST, most] {
            let (call, beside) = (field.message(part, bytes), field.beside(part, bytes));
            let answer = server.answer(&field.path, &call).await?;
            // One of the field's own size that passes goes on to hashes and rows, which are what the call is for.
            if bytes == REQUEST || answer == "INVALID_FIELD" {
                let (all, more) = server.cost((&field.path, &call), beside, rounds, calls).await?;
                row.add(bytes == REQUEST, all, more);
            }
            if bytes == REQUEST {
                row.answer = answer;
            }
        }
    }
    Ok(row)
}
