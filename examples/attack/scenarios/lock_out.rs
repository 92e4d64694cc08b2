//! Wrong passwords of one account, so that its owner can't log in.

use super::{Stage, WRONG, addresses};
use crate::{
    bounds::{Bound, of_pollers},
    report::Row,
    siege::{Answer, siege, timed},
};

pub(super) async fn run(stage: &Stage) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for sources in [1, 100] {
        for known in [false, true] {
            rows.push(poll(stage, sources, known).await?);
        }
    }
    Ok(rows)
}

async fn poll(stage: &Stage, sources: usize, known: bool) -> anyhow::Result<Row> {
    let (site, sizes) = (stage.site(), stage.sizes);
    let (person, owner) = (stage.person(site, false).await?, stage.owner(site));
    let first = stage.log_in(&owner, &person, "").await?.tokens;
    let device = if known { first.device_token } else { String::new() };
    let plan = stage.plan(sizes.polls);
    let attack = async |number: usize| {
        let attacker = stage.attacker(site, number, sources);
        vec![Answer::of(&attacker.login(&person.username, WRONG, "").await)]
    };
    let log_in = async |_| Ok(timed(stage.log_in(&owner, &person, &device)).await?.0);
    let ended = siege(plan, &stage.server.time, attack, log_in).await;
    let most = of_pollers(sources, ended.took);
    let looked_at = Bound::new("looked at", ended.attempts.evaluated(), most);
    let bounds = vec![looked_at, ended.nothing_right()];
    let got = format!("{} accounts", ended.attempts.right);
    let owner = if known { "known device" } else { "new device" };
    let attack = format!("wrong passwords of one, {}", addresses(sources));
    Ok(Row::new(attack, owner, ended, got, bounds))
}
