//! TokenService, Envoy's ext_authz and health beside an RPC that does nothing, RefreshToken beside a bare program on SQLite and
//! beside pgbench, and how many sessions can be revoked a second. With `--logins`: what a login costs beside its hash. With
//! `--traces`: what traces cost IntrospectToken. With `--passkeys`: FinishPasskeyLogin beside a bare program, and beside
//! IntrospectToken. With `--refresh`: RefreshToken on SQLite alone. With `--authorization`: ext_authz alone.
//!
//! `cargo bench --bench tokens -- --postgres URL` measures RefreshToken, and revocations on Postgres as well; `pgbench` must be
//! on the PATH, and `scripts/postgres-cluster` makes a throw-away server. The empty RPC is health's, of the same server, with
//! the same layers, over the same connection; the bare one is health's of a tonic server without our layers. They take
//! turns: a round compares neighbours in time, and the tables show medians over the rounds and quartiles of the ratio.
//! Callers and servers share the cores.

#![expect(clippy::print_stdout, reason = "printing a table is what this is for")]

mod bare;
mod bare_logins;
mod checks;
mod logins;
mod passkeys;
mod refresh;
mod revoke;
mod server;
mod table;
mod traces;

use std::{path::Path, time::Duration};

use clap::Parser;
use countersign::store;

use self::{
    bare::Refreshes,
    logins::{Figures, Logins},
    refresh::Refresh,
    server::{Call, Server},
    table::Table,
};

/// How many calls are under way at a time.
const CALLERS: [usize; 3] = [1, 8, 64];

#[derive(Debug, Parser)]
struct Arguments {
    /// Measures nothing but logins on Postgres, in so many turns of two seconds
    #[arg(long, requires = "postgres")]
    logins: Option<u32>,
    /// Measures nothing but logins by passkeys
    #[arg(long)]
    passkeys: bool,
    /// Measures nothing but RefreshToken on SQLite
    #[arg(long)]
    refresh: bool,
    /// Measures nothing but Envoy's ext_authz
    #[arg(long)]
    authorization: bool,
    /// Measures nothing but IntrospectToken, with and without traces
    #[arg(long)]
    traces: bool,
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
    if let (Some(turns), Some(url)) = (arguments.logins, &arguments.postgres) {
        return logins(folder.path(), url, turns).await;
    }
    let time = Duration::from_millis(arguments.milliseconds);
    if arguments.traces {
        println!("{}", traces::table(folder.path(), arguments.rounds, time).await?);
        return Ok(());
    }
    if arguments.refresh {
        println!("{}", beside_a_bare_program(folder.path()).await?);
        return Ok(());
    }
    let mut server = Server::start(folder.path()).await?;
    if arguments.passkeys {
        for table in passkeys::tables(&server, folder.path(), arguments.rounds, time).await? {
            println!("{table}");
        }
        return Ok(());
    }
    let mut tables = tables();
    if arguments.authorization {
        tables.retain(|(_, call, _)| matches!(call, Some(Call::Check)));
    }
    for _ in 0..arguments.rounds {
        for callers in CALLERS {
            for (other, call, table) in &mut tables {
                let other = server.rate(*other, callers, time).await?;
                let ours = match call {
                    Some(call) => server.rate(*call, callers, time).await?,
                    None => server.rate_of_new_tokens(callers).await?,
                };
                table.add(callers, other, ours);
            }
        }
    }
    println!("Medians of {} rounds.", arguments.rounds);
    for (_, _, table) in &tables {
        println!("\n{table}");
    }
    checks::measure(&server).await?;
    if arguments.authorization {
        return Ok(());
    }
    println!("{}", beside_a_bare_program(folder.path()).await?);
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

/// What is called beside what.
fn tables() -> Vec<(Call, Option<Call>, Table)> {
    let (bare, empty) = (Call::Bare, Call::Health);
    vec![
        (bare, Some(empty), Table::new("empty/s", "bare/s", 0.95)),
        (empty, Some(Call::Jwks), Table::new("GetJwks/s", "empty/s", 0.95)),
        (empty, Some(Call::Introspect), Table::new("IntrospectToken/s", "empty/s", 0.85)),
        (
            Call::Introspect,
            Some(Call::IntrospectJson),
            Table::new("as JSON/s", "IntrospectToken/s", 0.6),
        ),
        (empty, None, Table::new("of new tokens/s", "empty/s", 0.5)),
        (empty, Some(Call::Issue), Table::new("IssueServiceToken/s", "empty/s", 0.5)),
        (empty, Some(Call::Check), Table::new("ext_authz Check/s", "empty/s", 0.8)),
    ]
}

/// A line for each turn: two builds, run in turns, can be compared by their medians.
async fn logins(folder: &Path, url: &str, turns: u32) -> anyhow::Result<()> {
    let mut logins = Logins::start(folder, url).await?;
    for _ in 0..turns {
        let Figures { a_second, ours, postgres, wal } =
            logins.measure(Duration::from_secs(2)).await?;
        println!(
            "{a_second:.0} logins a second; for each {ours:.0} µs of processor here, {postgres:.0} of Postgres, \
             {wal:.0} bytes of WAL"
        );
    }
    Ok(())
}

/// How often RefreshToken takes turns with another program, and for how long.
const ROUNDS: u32 = 5;
const TURN: Duration = Duration::from_secs(3);

async fn beside_a_bare_program(folder: &Path) -> anyhow::Result<Table> {
    const CALLERS: usize = 64;
    let (file, copy) = (folder.join("refresh.db"), folder.join("bare.db"));
    let mut refresh =
        Refresh::start(folder, &format!("sqlite://{}", file.display()), CALLERS).await?;
    let bare = Refreshes::start(&file, &copy, CALLERS).await?;
    let mut table = Table::new("RefreshToken/s", "bare/s", 0.7);
    for _ in 0..ROUNDS {
        let other = bare.rate(TURN).await?;
        table.add(CALLERS, other, refresh.rate(TURN, CALLERS).await?);
    }
    Ok(table)
}

async fn beside_pgbench(folder: &Path, url: &str) -> anyhow::Result<Table> {
    let mut refresh = Refresh::start(folder, url, 64).await?;
    refresh.prepare_pgbench(url).await?;
    let mut table = Table::new("RefreshToken/s", "pgbench/s", 0.8);
    for _ in 0..ROUNDS {
        for callers in [8, 64] {
            let pgbench = refresh::pgbench(url, TURN, callers)?;
            table.add(callers, pgbench, refresh.rate(TURN, callers).await?);
        }
    }
    Ok(table)
}
