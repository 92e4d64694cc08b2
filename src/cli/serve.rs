//! `countersign serve`.

use std::io::Write as _;

use anyhow::bail;
use rustix::process::{Resource, Rlimit, setrlimit};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::{
    app::{App, Environment},
    config::{Config, LogFormat},
    telemetry,
};

pub(super) async fn run(config: &Config) -> anyhow::Result<()> {
    no_core_dumps();
    let app = App::bind(config, Environment::default()).await?;
    // Signal handlers before the banner: a reader of the banner may send a signal at once.
    let mut signals = Signals::new()?;
    match config.log.format {
        LogFormat::Text => std::io::stdout().write_all(banner(config, &app).as_bytes())?,
        LogFormat::Json => telemetry::say_listening(|| log_banner(config, &app)),
    }
    let stop = CancellationToken::new();
    // The first signal is taken before anything announces it, so that a second one cannot merge with it.
    let asked_again = async {
        signals.next().await;
        stop.cancel();
        signals.next().await;
    };
    tokio::select! {
        ended = app.serve(stop.cancelled()) => Ok(ended?),
        () = asked_again => bail!("stopped at once, as asked a second time"),
    }
}

/// The signals that ask the server to stop.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        let interrupt = signal(SignalKind::interrupt())?;
        Ok(Self { interrupt, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// Disables core dumps: passwords and keys in memory must not reach a disk when the process crashes.
fn no_core_dumps() {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    if let Err(error) = setrlimit(Resource::Core, none) {
        tracing::warn!(%error, "a crash may leave a core dump, with secrets in it");
    }
}

/// Logs the banner as one line.
fn log_banner(config: &Config, app: &App) {
    let (grpc, http, data) = (app.grpc_addr(), app.http_addr(), config.database.place());
    let (version, codes) = (env!("CARGO_PKG_VERSION"), &config.delivery);
    tracing::info!(version, %grpc, %http, %data, %codes, "listening");
}

/// The banner: where the server listens, where its data is, and what to try next.
fn banner(config: &Config, app: &App) -> String {
    let (grpc, http, place) = (app.grpc_addr(), app.http_addr(), config.database.place());
    let version = env!("CARGO_PKG_VERSION");
    let next = if config.listen.reflection {
        let user = r#"{"username": "alice", "email": "alice@example.com", "password": "correct horse battery", "two_factor": true}"#;
        format!("grpcurl -plaintext -d '{user}' {grpc} auth.v1.AuthService/Register")
    } else {
        format!("COUNTERSIGN_GRPC_ADDR={grpc} countersign healthcheck")
    };
    format!(
        "Countersign {version}\n\n  gRPC   {grpc}\n  HTTP   http://{http}\n  Data   {place}\n  \
         Codes  {}\n\nTry:\n\n  {next}\n\n",
        config.delivery
    )
}
