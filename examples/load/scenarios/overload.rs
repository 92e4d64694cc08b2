//! Ten times what can be done.

use std::time::{Duration, Instant};

use super::{Plan, capacity};
use crate::{
    client::{Callers, USERS},
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
        plan.say("overload: measuring the peak");
        let peak = capacity(&callers, plan.duration / 2).await?;
        plan.say("overload: ten times the peak");
        let title = format!("Overload: ten times the peak of {peak:.1}/s, deadline {deadline:?}");
        report.title(format!("{title}, cost {}", plan.cost));
        let load = Load { rate: 10.0 * peak, users: USERS, deadline, duration: plan.duration };
        load.offer(report, &server, &callers, peak).await?;
    }
    Ok(())
}

/// More logins than can be done.
pub(super) struct Load {
    /// Logins a second.
    pub(super) rate: f64,
    /// Whose logins they are.
    pub(super) users: usize,
    pub(super) deadline: Duration,
    pub(super) duration: Duration,
}

impl Load {
    /// Offers it to a server that does `peak` a second.
    pub(super) async fn offer(
        &self,
        report: &mut Report,
        server: &Server,
        callers: &Callers,
        peak: f64,
    ) -> anyhow::Result<()> {
        let (before, begun) = (server.figures().await?, Instant::now());
        let tally = load::open(self.rate, self.duration, |number| {
            let (callers, user, deadline) = (callers.clone(), number % self.users, self.deadline);
            async move { callers.login(user, deadline).await }
        })
        .await?;
        let goodput = tally.rate(begun);
        server.idle().await?;
        let after = server.figures().await?;
        let grown = |name| anyhow::Ok(after.password(name)? - before.password(name)?);
        let (hashes, late) = (grown("hashes_total")?, grown("late_hashes_total")?);
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
}
