//! Ten thousand callers that wait.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tokio::{task::JoinSet, time::sleep};

use super::Plan;
use crate::{
    bare::Bare,
    client::Callers,
    figures::resident,
    report::{Report, percent},
    server::Server,
};

const CALLERS: usize = 10_000;

/// As many streams as the server allows on one.
const STREAMS: usize = 100;

/// At cost 12 the engine lets nobody wait who would wait for minutes: so many callers fit only where a hash is quick.
const COST: u32 = 8;

const MEBIBYTE: f64 = 1024.0 * 1024.0;

pub(crate) async fn run(plan: &Plan, report: &mut Report) -> anyhow::Result<()> {
    report.title(format!("Memory: {CALLERS} callers, and what they add"));
    plan.say("memory: callers of the engine");
    let (waiting, grown) = engine().await?;
    report.add("waiting for the engine alone", waiting.to_string());
    report.add("memory for them and their futures", format!("{:.1} MiB", grown / MEBIBYTE));
    plan.say("memory: callers of Login");
    let (waiting, connected, grown) = service().await?;
    report.add("waiting for Login", percent(waiting, CALLERS as f64));
    report.add("memory for their connections", format!("{:.1} MiB", connected / MEBIBYTE));
    report.aim("memory for their logins", format!("{:.1} MiB", grown / MEBIBYTE), "≤ 64 MiB");
    Ok(())
}

/// Callers that wait, and the memory that they add to this process.
async fn engine() -> anyhow::Result<(i64, f64)> {
    let (own, bare) = (std::process::id(), Bare::start(14, CALLERS)?);
    bare.hash().await?;
    let before = resident(own)?;
    let mut callers = std::pin::pin!(join_all((0..CALLERS).map(|_| bare.hash())));
    let _waiting = futures_util::poll!(&mut callers);
    Ok((bare.passwords.figures().queue_length(), resident(own)? - before))
}

/// Callers that wait at the same time, the memory that their connections add to the server, and what the logins add.
async fn service() -> anyhow::Result<(f64, f64, f64)> {
    let queue = format!("--hash-queue={CALLERS}");
    let server = Server::start(COST, &[&queue]).await?;
    let before = resident(server.id())?;
    let callers = Callers::connect(&server, CALLERS / STREAMS, None).await?;
    let connected = resident(server.id())?;
    let mut logins = JoinSet::new();
    for number in 0..CALLERS {
        let callers = callers.clone();
        logins.spawn(async move { callers.login_as_nobody(number, Duration::from_secs(30)).await });
    }
    let (mut most_waiting, mut most) = (0.0_f64, connected);
    let until = Instant::now() + Duration::from_secs(10);
    while Instant::now() < until && !logins.is_empty() {
        most_waiting = most_waiting.max(server.figures().await?.password("queue_length")?);
        most = most.max(resident(server.id())?);
        sleep(Duration::from_millis(50)).await;
        while logins.try_join_next().is_some() {}
    }
    Ok((most_waiting, connected - before, most - connected))
}
