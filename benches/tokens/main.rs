//! IntrospectToken and IssueServiceToken beside an RPC that does nothing, RefreshToken beside pgbench, and how many sessions can be revoked a second.
//!
//! `cargo bench --bench tokens -- --postgres URL` measures RefreshToken, and revocations on Postgres as well; `pgbench` must be
//! on the PATH, and `scripts/postgres-cluster` makes a throw-away server. Both RPCs go through the same
//! server, with the same layers, over the same connection, and take turns: each round compares neighbours in time, and
//! the table shows medians over the rounds. Callers and server share the cores.

#![expect(clippy::print_stdout, reason = "printing a table is what this is for")]

mod refresh;
mod revoke;
mod server;
mod table;

use std::{path::Path, time::Duration};

use clap::Parser;
use countersign::store;

use self::{
    refresh::Refresh,
    server::{Call, Server},
    table::Table,
};

/// How many calls are under way at a time.
const CALLERS: [usize; 3] = [1, 8, 64];

#[derive(Debug, Parser)]
struct Arguments {
    /// How often each side is measured
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
    /// Milliseconds for which each side is called in a round
    #[arg(long, default_value_t = 300)]
    milliseconds: u64,
    /// An empty Postgres database to measure revocations on, too
    #[arg(long)]
    postgres: Option<String>,
    /// What cargo gives to every benchmark
    #[arg(long, hide = true)]
    bench: bool,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let folder = tempfile::tempdir()?;
    let server = Server::start(folder.path()).await?;
    let time = Duration::from_millis(arguments.milliseconds);
    let mut table = Table::new("IntrospectToken/s", "empty/s", 0.8);
    let mut services = Table::new("IssueServiceToken/s", "empty/s", 0.5);
    for _ in 0..arguments.rounds {
        for callers in CALLERS {
            let empty = server.rate(Call::Empty, callers, time).await?;
            let introspect = server.rate(Call::Introspect, callers, time).await?;
            table.add(callers, empty, introspect);
            let empty = server.rate(Call::Empty, callers, time).await?;
            let issue = server.rate(Call::Issue, callers, time).await?;
            services.add(callers, empty, issue);
        }
    }
    println!("Medians of {} rounds.\n\n{table}\n{services}", arguments.rounds);
    if let Some(url) = &arguments.postgres {
        println!("{}", beside_pgbench(folder.path(), url).await?);
    }
    let sqlite = format!("sqlite://{}/revocations.db", folder.path().display());
    for url in [Some(sqlite), arguments.postgres].into_iter().flatten() {
        let store = store::connect(&url, 10).await?;
        let rate = revoke::rate(store.as_ref()).await?;
        let database = url.split(':').next().unwrap_or_default();
        println!("{database}: {rate:.0} revocations a second");
    }
    Ok(())
}

/// RefreshToken and pgbench take turns, a few seconds each.
async fn beside_pgbench(folder: &Path, url: &str) -> anyhow::Result<Table> {
    const ROUNDS: u32 = 5;
    const TIME: Duration = Duration::from_secs(3);
    let callers = 32;
    let mut refresh = Refresh::start(folder, url, callers).await?;
    let mut table = Table::new("RefreshToken/s", "pgbench/s", 0.7);
    for _ in 0..ROUNDS {
        let pgbench = refresh.pgbench(TIME)?;
        table.add(callers, pgbench, refresh.rate(TIME).await?);
    }
    Ok(table)
}
