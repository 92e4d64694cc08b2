//! `countersign healthcheck`.

use anyhow::{Context as _, ensure};

use crate::{config::Probe, grpc};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Ask only whether the process is alive, not whether it is ready
    #[arg(long)]
    liveness: bool,
}

pub(super) async fn run(probe: &Probe, arguments: &Arguments) -> anyhow::Result<()> {
    let services = if arguments.liveness { &[""][..] } else { &grpc::SERVICES[..] };
    let Probe { address, tls, identity } = probe;
    let identity = identity.as_ref().map(|(certificate, key)| (&**certificate, &**key));
    let channel = grpc::Prober::connect(address, tls.then_some(identity)).await;
    let prober = channel.with_context(|| format!("no answer from {address}"))?;
    for service in services {
        let serving = prober.ask(service).await;
        let serving = serving.with_context(|| format!("no answer from {address}"))?;
        ensure!(serving, "{service} at {address} is not serving");
    }
    Ok(())
}
