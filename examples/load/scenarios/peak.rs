//! As many logins as can be done, beside what the engine does by itself.

use std::time::Instant;

use super::{Plan, count};
use crate::{
    bare::{Bare, most_lanes},
    client::Callers,
    figures::own_processor_time,
    load,
    report::{Report, percent},
    server::Server,
    tally::{Tally, median, percentiles},
};

/// The two take turns, because the machine may not be as fast in one minute as in the next.
const ROUNDS: u32 = 5;

pub(crate) async fn run(plan: &Plan, report: &mut Report) -> anyhow::Result<()> {
    plan.say("peak: Login and the bare engine take turns");
    let server = Server::start(plan.cost, &[]).await?;
    let callers = Callers::connect(&server, 4, None).await?;
    let at_once = 2 * most_lanes()?;
    let bare = Bare::start(plan.cost, at_once)?;
    let rough = bare.rate(at_once, 2 * at_once).await?;
    let logins = count(rough * (plan.duration / ROUNDS).as_secs_f64(), 2 * at_once);
    let (mut rates, mut all, mut load_time) = (Vec::new(), Tally::default(), 0.0);
    for _ in 0..ROUNDS {
        let alone = bare.rate(at_once, logins).await?;
        let (begun, before) = (Instant::now(), own_processor_time()?);
        let tally = load::closed(&callers, at_once, logins).await?;
        load_time += (own_processor_time()? - before).as_secs_f64() / begun.elapsed().as_secs_f64();
        rates.push((alone, tally.rate(begun)));
        all.merge(tally);
    }
    let ratios = rates.iter().map(|(alone, login)| login / alone).collect();
    let (alone, login) = rates.into_iter().unzip();
    report.title(format!("Peak: {at_once} callers, cost {}", plan.cost));
    report.add("the engine alone, hashes/s", format!("{:.1}", median(alone)));
    report.add("Login over gRPC, logins/s", format!("{:.1}", median(login)));
    report.aim("Login to engine, median of rounds", format!("{:.3}", median(ratios)), "≥ 0.9");
    report.add("Login p50, p99, worst", percentiles(&all.done));
    all.report_refusals(report, |_| "none");
    report.add("the load's share of one core", percent(load_time, ROUNDS.into()));
    Ok(())
}
