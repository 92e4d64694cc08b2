//! Servers that settings do not give, for a process of their own: one with bcrypt at cost 4 also on Postgres and with places for
//! many connections, and one of tonic alone, whose RPC is empty.

use std::io::Write as _;

use countersign::{
    app::{App, Environment},
    config::{Config, Settings},
    telemetry,
};
use tokio::net::TcpListener;
use tonic::transport::{Server, server::TcpIncoming};

/// Hashing hides what else a login costs; this is the least that bcrypt has.
pub(crate) const COST: u32 = 4;

/// Connections that a server takes at the most. The product's own limit is lower.
const PLACES: usize = 20_000;

/// Serves with these flags until the process is killed.
pub(crate) async fn serve(arguments: impl Iterator<Item = String>) -> anyhow::Result<()> {
    let flags = clap::Command::new("measured").args(Settings::arguments());
    let mut config = Config::parse(&Settings::from_flags(&flags.get_matches_from(arguments)))?;
    config.password.cost = COST;
    telemetry::start(&config.log);
    let mut environment = Environment::default();
    environment.limits.max_connections = PLACES;
    let app = App::bind(&config, environment).await?;
    banner(&app.grpc_addr().to_string(), &app.http_addr().to_string())?;
    Ok(Box::pin(app.serve(std::future::pending())).await?)
}

/// Serves the health service of tonic, and nothing else, until the process is killed.
pub(crate) async fn serve_empty() -> anyhow::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?.to_string();
    // It has no HTTP, and nobody asks for it.
    banner(&address, &address)?;
    let (_reporter, health) = tonic_health::server::health_reporter();
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    Ok(Server::builder().add_service(health).serve_with_incoming(incoming).await?)
}

/// As the server's own, as far as it is read.
fn banner(grpc: &str, http: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout();
    writeln!(out, "  gRPC   {grpc}\n  HTTP   http://{http}")?;
    out.flush()
}
