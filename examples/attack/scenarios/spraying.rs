//! Password spraying: one wrong password over many accounts. Each account sees a single failure.

use super::{Stage, WRONG, addresses};
use crate::{
    bounds::{Bound, of_sources},
    report::Row,
    siege::{Answer, siege, timed},
};

pub(super) async fn run(stage: &Stage) -> anyhow::Result<Vec<Row>> {
    Ok(vec![spray(stage, 1).await?, spray(stage, 50).await?])
}

async fn spray(stage: &Stage, sources: usize) -> anyhow::Result<Row> {
    let (site, sizes) = (stage.site(), stage.sizes);
    let people = stage.people(site, sizes.sprayed, false).await?;
    let plan = stage.plan(people.len());
    let attack = async |number: usize| {
        let attacker = stage.attacker(site, number, sources);
        let answer = attacker.login(&people[number].username, WRONG, "").await;
        vec![Answer::of(&answer)]
    };
    let owner = stage.owner(site);
    let log_in = async |number: usize| {
        Ok(timed(stage.log_in(&owner, &people[number % people.len()], "")).await?.0)
    };
    let ended = siege(plan, &stage.server.time, attack, log_in).await;
    let most = of_sources(sources, ended.took);
    let looked_at = Bound::new("looked at", ended.attempts.evaluated(), most);
    let bounds = vec![looked_at, ended.nothing_right()];
    let got = format!("{} accounts", ended.attempts.right);
    let attack = format!("a password over {} accounts, {}", people.len(), addresses(sources));
    Ok(Row::new(attack, "new device", ended, got, bounds))
}
