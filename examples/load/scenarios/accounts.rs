//! Ten times what can be done, on few accounts: service accounts, or a test of the load.

use std::{net::IpAddr, time::Duration};

use super::{Plan, capacity, overload::Load};
use crate::{
    client::Callers,
    load,
    report::{Report, percent},
    server::Server,
    tally::percentiles,
};

/// The second fills the engine's queue with the five logins of each that may run at a time.
const ACCOUNTS: [usize; 2] = [8, 20];

const DEADLINES: [Duration; 2] = [Duration::from_secs(5), Duration::from_secs(1)];

/// The logins a second of users whom nobody hammers, from an address of their own.
const OTHERS: f64 = 1.0;

pub(crate) async fn run(plan: &Plan, report: &mut Report) -> anyhow::Result<()> {
    let server = Server::start(plan.cost, &[]).await?;
    let callers = Callers::connect(&server, 16, None).await?;
    let others = Callers::connect(&server, 1, Some(IpAddr::from([127, 0, 0, 2]))).await?;
    for users in ACCOUNTS {
        for deadline in DEADLINES {
            plan.say("accounts: measuring the peak");
            let peak = capacity(&callers, plan.duration / 2).await?;
            plan.say("accounts: ten times the peak");
            let title = format!("Accounts: ten times the peak of {peak:.1}/s on {users} accounts");
            report.title(format!("{title}, deadline {deadline:?}, cost {}", plan.cost));
            let load = Load { rate: 10.0 * peak, users, deadline, duration: plan.duration };
            let beside = load::open(OTHERS, plan.duration, |number| {
                let others = others.clone();
                async move { others.login(number, Duration::from_secs(5)).await }
            });
            let (beside, ()) =
                tokio::try_join!(beside, load.offer(report, &server, &callers, peak))?;
            let successes = percent(beside.done.len() as f64, beside.calls() as f64);
            report.aim("successes of others, from elsewhere", successes, "100 %");
            report.add("their p50, p99, worst", percentiles(&beside.done));
        }
    }
    Ok(())
}
