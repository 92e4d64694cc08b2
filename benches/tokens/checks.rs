//! Envoy's `ext_authz`: how soon it answers, also while logins use all cores, and with many live revocations.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::Context as _;
use countersign::{
    pb::ext_authz::envoy::service::auth::v3::{
        AttributeContext, CheckRequest,
        attribute_context::{HttpRequest, Request},
        authorization_client::AuthorizationClient,
        check_response::HttpResponse,
    },
    store,
};
use futures_util::future::try_join_all;
use tonic::transport::Channel;

use super::{
    revoke,
    server::{Call, Server},
};

/// Some rules before the one that decides.
pub(crate) const RULES: &str = r#"{"rules": [
    {"path_prefix": "/public", "access": "open"},
    {"path_prefix": "/admin", "roles": ["admin"]},
    {"grpc": "shop.v1.Stock/*", "access": "service", "scopes": ["stock"]},
    {"path": "/orders/{id}", "methods": ["GET"]}
]}"#;

/// What a browser sends beside the token.
const HEADERS: [(&str, &str); 12] = [
    (":authority", "shop.example.org"),
    (":method", "GET"),
    (":path", "/orders/7?expand=items"),
    (":scheme", "https"),
    ("accept", "application/json"),
    ("accept-encoding", "gzip, deflate, br"),
    ("accept-language", "en-GB,en;q=0.9"),
    ("origin", "https://shop.example.org"),
    ("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
    ("x-forwarded-for", "192.0.2.7"),
    ("x-forwarded-proto", "https"),
    ("x-request-id", "6a4f1b52-6d0e-4a53-9a4e-1b2c3d4e5f60"),
];

/// How many calls are under way at a time at full load.
const CALLERS: usize = 64;

/// How long each figure is measured.
const TIME: Duration = Duration::from_secs(5);

/// How many revocations are live.
const REVOCATIONS: usize = 100_000;

/// A caller that asks about one user's request.
#[derive(Debug, Clone)]
pub(crate) struct Checks {
    client: AuthorizationClient<Channel>,
    http: HttpRequest,
}

impl Checks {
    pub(crate) fn new(channel: Channel, token: &str) -> Self {
        let token = [("authorization".to_owned(), format!("Bearer {token}"))];
        let headers = HEADERS.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let headers: HashMap<_, _> = headers.into_iter().chain(token).collect();
        let (method, path) = ("GET".into(), "/orders/7?expand=items".into());
        let host = "shop.example.org".into();
        let http = HttpRequest { headers, method, path, host, ..HttpRequest::default() };
        Self { client: AuthorizationClient::new(channel), http }
    }

    pub(crate) async fn check(&mut self) -> anyhow::Result<()> {
        let request = Some(Request { http: Some(self.http.clone()), time: None });
        let attributes = Some(AttributeContext { request });
        let answer = Box::pin(self.client.check(CheckRequest { attributes })).await?;
        let allowed =
            matches!(answer.into_inner().http_response, Some(HttpResponse::OkResponse(_)));
        anyhow::ensure!(allowed, "the request is not allowed");
        Ok(())
    }
}

/// Prints the figures, each with its aim.
#[expect(clippy::print_stdout, reason = "printing figures is what this is for")]
pub(crate) async fn measure(server: &Server) -> anyhow::Result<()> {
    let full = server.rate(Call::Check, CALLERS, TIME).await?;
    let half = latency(server, full / 2.0).await?;
    println!("Check at half of {full:.0} a second: p99 {:.2} ms; aim 1", millis(half));
    let beside = beside_logins(server).await?;
    println!(
        "Check at 200 a second while logins use all cores: p99 {:.2} ms; aim 5",
        millis(beside)
    );
    let (before, memory) = (rates(server).await?, resident()?);
    let store = store::connect(&server.url, 4).await?;
    revoke::fill(store.as_ref(), REVOCATIONS).await?;
    drop(store);
    // The replica reads them.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let (after, grown) = (rates(server).await?, resident()? - memory);
    println!(
        "{REVOCATIONS} live revocations: {:.1} MiB; aim 32. Check at {:.3} of its rate without them; aim 0.95",
        grown / 1024.0,
        after / before
    );
    Ok(())
}

fn millis(time: Duration) -> f64 {
    1000.0 * time.as_secs_f64()
}

/// The median of some turns: calls a second.
async fn rates(server: &Server) -> anyhow::Result<f64> {
    let mut rates = Vec::new();
    for _ in 0..5 {
        rates.push(server.rate(Call::Check, CALLERS, Duration::from_secs(1)).await?);
    }
    rates.sort_by(f64::total_cmp);
    Ok(rates[rates.len() / 2])
}

/// The 99th percentile of the time from when a call was due to its answer, at that many a second.
async fn latency(server: &Server, a_second: f64) -> anyhow::Result<Duration> {
    let pause = Duration::from_secs_f64(1.0 / a_second);
    let mut due = tokio::time::interval(pause);
    due.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Burst);
    let (begun, mut calls) = (Instant::now(), Vec::new());
    while begun.elapsed() < TIME {
        let due = due.tick().await;
        let mut checks = server.checks(calls.len());
        calls.push(tokio::spawn(async move {
            checks.check().await?;
            anyhow::Ok(due.elapsed())
        }));
    }
    let times: Result<Vec<_>, _> = try_join_all(calls).await?.into_iter().collect();
    let mut times = times?;
    times.sort();
    times.get(times.len() * 99 / 100).copied().context("no call was made")
}

/// The same at a light load, while there is always a login to hash for.
async fn beside_logins(server: &Server) -> anyhow::Result<Duration> {
    let is_over = Arc::<AtomicBool>::default();
    let logins = (0..8).map(|number| {
        let is_over = Arc::clone(&is_over);
        async move {
            while !is_over.load(Ordering::Relaxed) {
                server.log_in(number).await?;
            }
            anyhow::Ok(())
        }
    });
    let checks = async {
        let found = latency(server, 200.0).await;
        is_over.store(true, Ordering::Relaxed);
        found
    };
    let (found, logins) = tokio::join!(checks, try_join_all(logins));
    logins?;
    found
}

/// The resident memory of this process, in KiB.
fn resident() -> anyhow::Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.trim().strip_suffix(" kB"));
    Ok(number.context("no VmRSS in /proc/self/status")?.trim().parse()?)
}
