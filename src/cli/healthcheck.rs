//! `countersign healthcheck`.

use anyhow::{Context as _, ensure};

use crate::{config::Listen, grpc};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Ask only whether the process is alive, not whether it is ready
    #[arg(long)]
    liveness: bool,
}

pub(super) async fn run(listen: &Listen, arguments: &Arguments) -> anyhow::Result<()> {
    let address = listen.grpc;
    let services = if arguments.liveness { &[""][..] } else { &grpc::SERVICES[..] };
    for service in services {
        let serving = grpc::probe(address, service).await;
        let serving = serving.with_context(|| format!("no answer from {address}"))?;
        ensure!(serving, "{service} at {address} is not serving");
    }
    Ok(())
}
