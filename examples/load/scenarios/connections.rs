//! Ten thousand connections, and a stream of revocations on each.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use countersign::pb::{
    LogoutRequest, WatchRevocationsRequest, WatchRevocationsResponse,
    auth_service_client::AuthServiceClient, token_service_client::TokenServiceClient,
};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::{sync::mpsc, time::timeout};
use tonic::{
    Streaming,
    transport::{Channel, Endpoint},
};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

use super::Plan;
use crate::{
    client::Callers,
    figures::resident,
    report::{Report, ms},
    server::Server,
};

const CONNECTIONS: usize = 10_000;

/// How many are opened at a time.
const AT_ONCE: usize = 64;

/// Sessions that end, one after the other.
const REVOCATIONS: usize = 10;

/// What a caller waits for a revocation at the most.
const PATIENCE: Duration = Duration::from_secs(30);

const KIBIBYTE: f64 = 1024.0;
const MEBIBYTE: f64 = 1024.0 * KIBIBYTE;

pub(crate) async fn run(plan: &Plan, report: &mut Report) -> anyhow::Result<()> {
    raise_descriptors()?;
    let server = Server::measured(&["--database-url=sqlite://load.db"]).await?;
    let sessions = sessions(&server).await?;
    report.title(format!("Connections: {CONNECTIONS}, each of its own caller"));
    let before = resident(server.id())?;
    plan.say("connections: opening ten thousand");
    let channels = open(&server).await?;
    let idle = resident(server.id())?;
    let each = (idle - before) / CONNECTIONS as f64;
    report.add("resident before them", mebibytes(before));
    report.aim(
        "resident for an idle connection",
        format!("{:.1} KiB", each / KIBIBYTE),
        "≤ 16 KiB",
    );
    report.aim("resident with them", mebibytes(idle), "≤ 256 MiB");
    plan.say("connections: a stream of revocations on each");
    let (heard, mut hears) = mpsc::channel(CONNECTIONS);
    let streams = stream::iter(&channels).map(|channel| watch(channel.clone(), heard.clone()));
    streams.buffer_unordered(AT_ONCE).try_collect::<()>().await?;
    let streaming = resident(server.id())?;
    report.aim("resident with a stream of revocations each", mebibytes(streaming), "≤ 512 MiB");
    plan.say("connections: revocations to all");
    let mut times = Vec::new();
    for refresh_token in sessions {
        times.push(revoke(&server, refresh_token, &mut hears).await?);
    }
    times.sort();
    let (middle, worst) = (times[times.len() / 2], times[times.len() - 1]);
    report.add("a revocation at the last of them, median", ms(middle));
    report.aim("the slowest of ten revocations", ms(worst), "≤ 1000 ms");
    report.add("resident after them", mebibytes(resident(server.id())?));
    Ok(())
}

/// As many descriptors as this process may have; the server, which is started by it, has as many.
fn raise_descriptors() -> anyhow::Result<()> {
    let most = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: most, maximum: most })?;
    let is_enough = most.is_none_or(|most| most > CONNECTIONS as u64 + 100);
    anyhow::ensure!(is_enough, "ulimit -n is too low for {CONNECTIONS} connections: {most:?}");
    Ok(())
}

/// The refresh tokens of sessions to end.
async fn sessions(server: &Server) -> anyhow::Result<Vec<String>> {
    let callers = Callers::connect(server, 1, None).await?;
    let mut sessions = Vec::new();
    for number in 0..REVOCATIONS {
        sessions.push(callers.tokens(number).await?.refresh_token);
    }
    Ok(sessions)
}

/// The connections, each after a call.
async fn open(server: &Server) -> anyhow::Result<Vec<Channel>> {
    let endpoint = Endpoint::from_shared(format!("http://{}", server.grpc))?;
    let connections = stream::iter(0..CONNECTIONS).map(|_| {
        let endpoint = endpoint.clone();
        async move {
            let channel = endpoint.connect().await?;
            HealthClient::new(channel.clone()).check(HealthCheckRequest::default()).await?;
            anyhow::Ok(channel)
        }
    });
    connections.buffer_unordered(AT_ONCE).try_collect().await
}

/// Follows the revocations, and tells when each comes.
async fn watch(channel: Channel, heard: mpsc::Sender<Instant>) -> anyhow::Result<()> {
    let request = WatchRevocationsRequest::default();
    let answer = TokenServiceClient::new(channel).watch_revocations(request).await?;
    let mut revocations = answer.into_inner();
    // The heartbeat that says that all earlier ones have come.
    revocations.message().await?.context("the stream has ended")?;
    tokio::spawn(tell(revocations, heard));
    Ok(())
}

async fn tell(mut revocations: Streaming<WatchRevocationsResponse>, heard: mpsc::Sender<Instant>) {
    while let Ok(Some(message)) = revocations.message().await {
        if message.revocation.is_some() && heard.send(Instant::now()).await.is_err() {
            return;
        }
    }
}

/// From the answer of the logout, which comes after its commit, to the last of the streams.
async fn revoke(
    server: &Server,
    refresh_token: String,
    hears: &mut mpsc::Receiver<Instant>,
) -> anyhow::Result<Duration> {
    let mut auth = AuthServiceClient::connect(format!("http://{}", server.grpc)).await?;
    auth.logout(LogoutRequest { refresh_token }).await?;
    let (ended, mut last) = (Instant::now(), None);
    for _ in 0..CONNECTIONS {
        let heard = timeout(PATIENCE, hears.recv()).await.context("a revocation is missing")?;
        last = last.max(heard);
    }
    Ok(last.context("no stream")?.saturating_duration_since(ended))
}

fn mebibytes(bytes: f64) -> String {
    format!("{:.0} MiB", bytes / MEBIBYTE)
}
