//! RefreshToken; and pgbench, which sends the same statements to Postgres and nothing else.

use std::{
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use countersign::pb::{RefreshTokenRequest, Tokens, auth_service_client::AuthServiceClient};
use futures_util::future::try_join_all;
use sqlx::{Connection as _, Executor as _, PgConnection};
use tonic::transport::Channel;

use crate::server;

/// What pgbench sends for a refresh: the statements of `src/store/queries/statements/{sessions,refresh}.rs`.
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/tokens/refresh.sql");

/// A server on the database of a URL, and sessions to refresh.
pub(crate) struct Refresh {
    channel: Channel,
    sessions: Vec<String>,
}

impl Refresh {
    /// Starts the server and begins a session for each caller.
    pub(crate) async fn start(folder: &Path, url: &str, callers: usize) -> anyhow::Result<Self> {
        let channel = server::start(folder, url, 10).await?;
        let log_ins = (0..callers).map(|number| server::log_in(channel.clone(), number));
        let tokens: Vec<Tokens> = try_join_all(log_ins).await?;
        let sessions = tokens.into_iter().map(|tokens| tokens.refresh_token).collect();
        Ok(Self { channel, sessions })
    }

    /// Refreshes a second by some of the callers, each with a session of its own.
    pub(crate) async fn rate(&mut self, time: Duration, callers: usize) -> anyhow::Result<f64> {
        let begun = Instant::now();
        let callers = self.sessions.drain(..callers).map(|token| {
            let client = AuthServiceClient::new(self.channel.clone());
            tokio::spawn(refresh(client, token, begun + time))
        });
        let mut calls = 0;
        for ended in try_join_all(callers.collect::<Vec<_>>()).await? {
            let (counted, token) = ended?;
            calls += counted;
            self.sessions.push(token);
        }
        Ok(f64::from(calls) / begun.elapsed().as_secs_f64())
    }

    /// Begins a session for each client of pgbench, beside those of the callers.
    pub(crate) async fn prepare_pgbench(&self, url: &str) -> anyhow::Result<()> {
        let mut connection = PgConnection::connect(url).await?;
        connection.execute(include_str!("refresh_sessions.sql")).await?;
        Ok(())
    }
}

/// Transactions a second of pgbench.
pub(crate) fn pgbench(url: &str, time: Duration, clients: usize) -> anyhow::Result<f64> {
    let (clients, seconds) = (clients.to_string(), time.as_secs().max(1).to_string());
    let arguments =
        ["-n", "-M", "prepared", "-j", "2", "-c", &clients, "-T", &seconds, "-f", SCRIPT];
    let output = Command::new("pgbench").args(arguments).arg(url).output();
    let output = output.context("pgbench can't be run: it comes with Postgres")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let rate = text.lines().find_map(|line| line.strip_prefix("tps = ")?.split(' ').next());
    rate.and_then(|rate| rate.parse().ok())
        .with_context(|| format!("{text}{}", String::from_utf8_lossy(&output.stderr)))
}

/// Refreshes until then; gives how often, and the token that comes next.
async fn refresh(
    mut client: AuthServiceClient<Channel>,
    mut token: String,
    until: Instant,
) -> anyhow::Result<(u32, String)> {
    let mut calls = 0;
    while Instant::now() < until {
        let request =
            RefreshTokenRequest { refresh_token: token, ..RefreshTokenRequest::default() };
        let answer = client.refresh_token(request).await?.into_inner();
        token = answer.tokens.context("no tokens")?.refresh_token;
        calls += 1;
    }
    Ok((calls, token))
}
