//! IntrospectToken over kept connections with TLS beside plaintext, and new TLS connections beside a bare tonic server.
//!
//! `cargo bench --bench tls`. Servers and callers are in this process and share the cores: what TLS costs is counted on
//! both sides. The sides take turns, each round compares neighbours in time, and the tables show medians over the rounds.

#![expect(clippy::print_stdout, reason = "printing a table is what this is for")]

mod bare;
mod certificate;
mod connect;
mod server;
mod table;

use std::time::Duration;

use clap::Parser;

use self::{
    bare::Bare, certificate::Certificate, connect::Connecting, server::Server, table::Table,
};

/// How many calls, or handshakes, are under way at a time.
const CALLERS: [usize; 3] = [1, 8, 64];

#[derive(Debug, Parser)]
struct Arguments {
    /// How often each side is measured
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
    /// Milliseconds for which each side is called in a round
    #[arg(long, default_value_t = 300)]
    milliseconds: u64,
    /// What cargo gives to every benchmark
    #[arg(long, hide = true)]
    bench: bool,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let (folder, time) = (tempfile::tempdir()?, Duration::from_millis(arguments.milliseconds));
    let certificate = Certificate::new(folder.path())?;
    let plain = Server::start(&folder.path().join("plain"), None).await?;
    let encrypted = Server::start(&folder.path().join("tls"), Some(&certificate)).await?;
    // 15 % dearer is this of the rate.
    let mut calls = Table::new("IntrospectToken/s over TLS", "plaintext", 1.0 / 1.15);
    for _ in 0..arguments.rounds {
        for callers in CALLERS {
            let other = plain.rate(callers, time).await?;
            calls.add(callers, (other, 0.0), (encrypted.rate(callers, time).await?, 0.0));
        }
    }
    println!("Medians of {} rounds.\n\n{calls}", arguments.rounds);

    let bare = Bare::start(&certificate).await?;
    let connecting = Connecting::new(&certificate)?;
    let mut handshakes = Table::new("new TLS connections/s", "bare tonic", 0.9);
    for _ in 0..arguments.rounds {
        for callers in CALLERS {
            let other = connecting.rate(bare.address, callers, time).await?;
            let ours = connecting.rate(encrypted.address, callers, time).await?;
            handshakes.add(callers, other, ours);
        }
    }
    println!("{handshakes}");
    Ok(())
}
