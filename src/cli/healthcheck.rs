//! `countersign healthcheck`.

use std::net::SocketAddr;

use anyhow::{Context as _, ensure};

use crate::grpc;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Ask only whether the process is alive, not whether it is ready
    #[arg(long)]
    liveness: bool,
}

pub(super) async fn run(address: SocketAddr, arguments: &Arguments) -> anyhow::Result<()> {
    let services = if arguments.liveness { &[""][..] } else { &grpc::SERVICES[..] };
    for service in services {
        let serving = grpc::probe(address, service).await;
        let serving = serving.with_context(|| format!("no answer from {address}"))?;
        ensure!(serving, "{service} at {address} is not serving");
    }
    Ok(())
}
