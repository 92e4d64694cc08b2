//! What a call costs until it is refused: every string field of every RPC, from the descriptor set, with the dearest text of
//! the greatest size that a request may have, and of the greatest that the field may have.
//!
//! `cargo bench --bench refusals`. The server is in this process, on SQLite; callers have a thread of their own, and what is
//! counted is the processor time of all other threads: decoding, layers, and the answer are in it. Exits with 1 if a
//! call costs more than it may.

#![expect(clippy::print_stdout, reason = "printing a table is what this is for")]

mod fields;
mod server;
mod table;

use std::{process::ExitCode, time::Duration};

use clap::Parser;
use countersign::domain::size;
use indicatif::{ProgressBar, ProgressStyle};

use self::{
    fields::{Field, TEXTS, Texts},
    server::Server,
    table::{Row, Table},
};

/// What a call may cost until it is refused.
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
    table.add(beside(&server, &arguments).await?);
    for field in &fields {
        table.add(measure(&server, field, &arguments).await?);
        bar.inc(1);
    }
    bar.finish_and_clear();
    println!("Milliseconds of processor a call, medians of {} rounds.\n", arguments.rounds);
    println!("{table}");
    Ok(if table.too_dear() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// An RPC that looks a short text up in a map, and a request of the greatest size to it: what transport and layers cost.
async fn beside(server: &Server, arguments: &Arguments) -> anyhow::Result<Row> {
    let path = "/grpc.health.v1.Health/Check";
    let mut costs = Vec::new();
    for bytes in [REQUEST, 64] {
        let message = Texts(vec![(1, "x".repeat(bytes))]);
        costs.push(server.cost(path, &message, arguments.rounds, arguments.calls).await?);
    }
    let answer = "NOT_FOUND".to_owned();
    let (request, field) = (costs[0], Some(costs[1]));
    Ok(Row { name: "Health/Check".to_owned(), answer, request, field })
}

/// The dearest text at each of the two sizes.
async fn measure(server: &Server, field: &Field, arguments: &Arguments) -> anyhow::Result<Row> {
    let most = size::ALL.iter().find(|size| size.field == field.name);
    let most = most.ok_or_else(|| anyhow::anyhow!("{} has no size", field.name))?.max_bytes;
    let mut row = Row {
        name: format!("{} {}", field.rpc, field.name),
        answer: String::new(),
        request: Duration::ZERO,
        field: None,
    };
    for part in TEXTS {
        let message = field.message(part, REQUEST);
        row.answer = server.answer(&field.path, &message).await?;
        let cost = server.cost(&field.path, &message, arguments.rounds, arguments.calls).await?;
        row.request = row.request.max(cost);
        let message = field.message(part, most);
        // What passes goes on to hashes and rows, which are what the call is for.
        if server.answer(&field.path, &message).await? == "INVALID_FIELD" {
            let (rounds, calls) = (arguments.rounds, arguments.calls);
            let cost = server.cost(&field.path, &message, rounds, calls).await?;
            row.field = Some(row.field.unwrap_or_default().max(cost));
        }
    }
    Ok(row)
}
