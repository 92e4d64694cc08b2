//! Ten times what can be done.

use std::time::{Duration, Instant};

use super::{Plan, capacity};
use crate::{
    client::Callers,
    load,
    report::{Report, percent},
    server::Server,
    tally::percentiles,
};

/// The first lets the queue's bound decide who is refused, the second the estimate of how long a login takes.
const DEADLINES: [Duration; 2] = [Duration::from_secs(5), Duration::from_secs(1)];

pub(crate) async fn run(plan: &Plan, report: &mut Report) -> anyhow::Result<()> {
    let server = Server::start(plan.cost, &[]).await?;
    let callers = Callers::connect(&server, 16, None).await?;
    for deadline in DEADLINES {
        offer(plan, report, &server, &callers, deadline).await?;
    }
    Ok(())
}

async fn offer(
    plan: &Plan,
    report: &mut Report,
    server: &Server,
    callers: &Callers,
    deadline: Duration,
) -> anyhow::Result<()> {
    plan.say("overload: measuring the peak");
    let peak = capacity(callers, plan.duration / 2).await?;
    plan.say("overload: ten times the peak");
    let (before, begun) = (server.figures().await?, Instant::now());
    let tally = load::open(10.0 * peak, plan.duration, |number| {
        let callers = callers.clone();
        async move { callers.login(number, deadline).await }
    })
    .await?;
    let goodput = tally.rate(begun);
    server.idle().await?;
    let after = server.figures().await?;
    let grown = |name| anyhow::Ok(after.password(name)? - before.password(name)?);
    let (hashes, late) = (grown("hashes_total")?, grown("late_hashes_total")?);
    let title = "Overload: ten times the peak of";
    report.title(format!("{title} {peak:.1}/s, deadline {deadline:?}, cost {}", plan.cost));
    report.add("offered, logins", tally.calls().to_string());
    report.aim("goodput of the peak", format!("{:.3}", goodput / peak), "≥ 0.9");
    report.add("Login p50, p99, worst", percentiles(&tally.done));
    tally.report_refusals(report, |reason| match reason {
        "OVERLOADED with RetryInfo" => "p99 ≤ 20 ms",
        _ => "none",
    });
    report.aim("hashes done past their deadline", percent(late, hashes), "< 1 %");
    // Let in, and for nothing: the engine ends a hash in its lane once nobody waits for it.
    let (cut_off, let_in) = (tally.cut_off(), tally.cut_off() + tally.done.len());
    report.aim("logins let in and cut off", percent(cut_off as f64, let_in as f64), "< 1 %");
    Ok(())
}
