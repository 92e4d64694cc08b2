//! One address that takes all it can get, and nine others.

use std::{net::IpAddr, time::Duration};

use futures_util::future::try_join_all;

use super::{Plan, capacity};
use crate::{
    client::Callers,
    load,
    report::{Report, percent},
    server::Server,
    tally::{Tally, percentiles},
};

const OTHERS: u8 = 9;

/// What the nine want of the capacity: there is enough for them, but not for the tenth as well.
const SHARE: f64 = 0.7;

const DEADLINE: Duration = Duration::from_secs(5);

pub(crate) async fn run(plan: &Plan, report: &mut Report) -> anyhow::Result<()> {
    let server = Server::start(plan.cost, &[]).await?;
    plan.say("fairness: measuring the peak");
    let callers = Callers::connect(&server, 4, None).await?;
    let each = SHARE * capacity(&callers, plan.duration / 2).await? / f64::from(OTHERS);
    plan.say("fairness: making the users of ten addresses");
    // One address after the other: all at once would be refused themselves.
    let flooding = connect(&server, 2).await?;
    let mut ordinary = Vec::new();
    for last in 3..3 + OTHERS {
        ordinary.push(connect(&server, last).await?);
    }
    plan.say("fairness: one against nine");
    let (flood, others) = tokio::try_join!(
        offer(&flooding, 10.0 * each, plan.duration),
        try_join_all(ordinary.iter().map(|callers| offer(callers, each, plan.duration))),
    )?;
    let successes = |tally: &Tally| percent(tally.done.len() as f64, tally.calls() as f64);
    let mut nine = Tally::default();
    let worst = others.iter().map(|one| one.done.len() as f64 / one.calls().max(1) as f64);
    let worst = worst.fold(1.0, f64::min);
    others.into_iter().for_each(|one| nine.merge(one));
    report.title(format!("Fairness: nine addresses of {each:.1}/s each, one of ten times that"));
    report.aim("successes of the nine", successes(&nine), "≥ 90 %");
    report.add("successes of the unluckiest of them", percent(worst, 1.0));
    report.add("Login p50, p99, worst of the nine", percentiles(&nine.done));
    nine.report_refusals(report, |_| "");
    report.add("successes of the one", successes(&flood));
    flood.report_refusals(report, |_| "");
    Ok(())
}

/// Callers from 127.0.0.`last`.
async fn connect(server: &Server, last: u8) -> anyhow::Result<Callers> {
    Callers::connect(server, 4, Some(IpAddr::from([127, 0, 0, last]))).await
}

/// Offers `rate` logins a second.
async fn offer(callers: &Callers, rate: f64, duration: Duration) -> anyhow::Result<Tally> {
    load::open(rate, duration, |number| {
        let callers = callers.clone();
        async move { callers.login(number, DEADLINE).await }
    })
    .await
}
