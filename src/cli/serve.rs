//! `countersign serve`.

use std::{convert::Infallible, io::Write as _};

use anyhow::bail;
use rustix::process::{Resource, Rlimit, setrlimit};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::mpsc::Receiver,
};
use tokio_util::sync::CancellationToken;

use crate::{
    app::{App, Environment, Reload},
    config::{Config, LogFormat, Tracing},
    listen::Address,
    log_filter::{Directives, LogFilter, USUAL_TTL},
    otlp::Exporter,
    telemetry,
    trace::{Figures, Span},
};

/// The spans that are to be exported.
type Spans = Option<(Receiver<Span>, Figures)>;

pub(super) async fn run(
    config: &Config,
    environment: Environment,
    spans: Spans,
) -> anyhow::Result<()> {
    no_core_dumps();
    let exporter = export(config, spans)?;
    let log_filter = environment.log_filter.clone();
    // Before anything that may hang: by default these signals end the process, and a start that hangs is one to look into.
    let (raise, restore) = (SignalKind::user_defined1(), SignalKind::user_defined2());
    let log_filter = change_at(signal(raise)?, signal(restore)?, log_filter);
    let hang_up = signal(SignalKind::hangup())?;
    let mut log_filter = std::pin::pin!(log_filter);
    let app = tokio::select! {
        bound = App::bind(config, environment) => bound?,
        never = &mut log_filter => match never {},
    };
    // Signal handlers before the banner: a reader of the banner may send a signal at once.
    let mut signals = Signals::new()?;
    let hang_ups = reload_at(hang_up, app.reload());
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
        ended = app.serve(stop.cancelled()) => {
            if let Some(exporter) = exporter {
                exporter.finish().await;
            }
            Ok(ended?)
        }
        () = asked_again => bail!("stopped at once, as asked a second time"),
        never = hang_ups => match never {},
        never = log_filter => match never {},
    }
}

/// Starts exporting, if there is a collector.
fn export(config: &Config, spans: Spans) -> anyhow::Result<Option<Exporter>> {
    let start = |((spans, figures), tracing): ((_, _), &Tracing)| {
        Exporter::start(&tracing.export, spans, figures)
    };
    Ok(spans.zip(config.tracing.as_ref()).map(start).transpose()?)
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

/// Never ends: SIGHUP reads the certificates again.
async fn reload_at(mut hang_up: Signal, reload: Reload) -> Infallible {
    loop {
        if hang_up.recv().await.is_none() {
            return std::future::pending().await;
        }
        reload.now();
    }
}

/// Never ends: SIGUSR1 raises the log's filter for the usual time, SIGUSR2 puts the configured one back.
async fn change_at(mut raise: Signal, mut restore: Signal, log_filter: LogFilter) -> Infallible {
    loop {
        tokio::select! {
            Some(()) = raise.recv() => log_filter.raise(Directives::debug(), USUAL_TTL),
            Some(()) = restore.recv() => log_filter.restore(),
            else => return std::future::pending().await,
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
    let admin = app.admin_addr().map(tracing::field::display);
    let beside = app.debug_addr().map(tracing::field::display);
    tracing::info!(version, %grpc, %http, admin, debug = beside, %data, %codes, "listening");
}

/// The banner: where the server listens, where its data is, and what to try next.
fn banner(config: &Config, app: &App) -> String {
    let (grpc, http, place) = (app.grpc_addr(), http_url(config, app), config.database.place());
    let version = env!("CARGO_PKG_VERSION");
    let beside = |name: &str, at: Option<&Address>| {
        at.map_or_else(String::new, |at| format!("  {name}  {at}\n"))
    };
    let (admin, debug) = (beside("Admin", app.admin_addr()), beside("Debug", app.debug_addr()));
    format!(
        "Countersign {version}\n\n  gRPC   {grpc}\n  HTTP   {http}\n{admin}{debug}  Data   {place}\n  \
         Codes  {}\n\nTry:\n\n  {}\n\n",
        config.delivery,
        next(config, app)
    )
}

/// A Unix socket has no URL.
fn http_url(config: &Config, app: &App) -> String {
    let http = app.http_addr();
    let scheme = if config.listen.http_tls.is_some() { "https" } else { "http" };
    http.tcp().map_or_else(|| http.to_string(), |address| format!("{scheme}://{address}"))
}

/// What to try: a first user, where a client can find out what there is.
fn next(config: &Config, app: &App) -> String {
    let grpc = app.grpc_addr();
    if !config.listen.reflection {
        return format!("COUNTERSIGN_GRPC_ADDR={grpc} countersign healthcheck");
    }
    let user = r#"{"username": "alice", "email": "alice@example.com", "password": "correct horse battery", "two_factor": true}"#;
    let (how, address) = match grpc {
        Address::Unix(path) => ("-plaintext -unix", path.display().to_string()),
        Address::Tcp(address) if config.listen.grpc_tls.is_some() => {
            ("-cacert CA.pem", address.to_string())
        }
        Address::Tcp(address) => ("-plaintext", address.to_string()),
    };
    format!("grpcurl {how} -d '{user}' {address} auth.v1.AuthService/Register")
}
