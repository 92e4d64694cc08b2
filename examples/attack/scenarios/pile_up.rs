//! As many sessions of one account as can be had, by somebody who has its password; then its owner changes it.

use std::cell::RefCell;

use countersign::pb::{Tokens, login_response::Result as Outcome};
use futures_util::{StreamExt as _, stream};

use super::{
    AT_ONCE, Stage, addresses,
    owner::{tokens, why},
};
use crate::{
    bounds::{Bound, SESSIONS},
    caller::{Caller, PASSWORD},
    report::{Row, ms},
    siege::{Answer, siege, timed},
};

const SOURCES: usize = 10;

pub(super) async fn run(stage: &Stage) -> anyhow::Result<Vec<Row>> {
    let (site, sizes) = (stage.site(), stage.sizes);
    let (person, owner) = (stage.person(site, false).await?, stage.owner(site));
    let piled = RefCell::new(Vec::new());
    let plan = stage.plan(sizes.sessions);
    let attack = async |number: usize| {
        let attacker = stage.attacker(site, number, SOURCES);
        let answer = attacker.login(&person.username, PASSWORD, "").await;
        let counted = Answer::of(&answer);
        if let Ok(Outcome::Tokens(tokens)) = answer {
            piled.borrow_mut().push(tokens);
        }
        vec![counted]
    };
    let log_in = async |_| Ok(timed(stage.log_in(&owner, &person, "")).await?.0);
    let mut ended = siege(plan, &stage.server.time, attack, log_in).await;
    let piled = piled.into_inner();
    let live = alive(&owner, &piled).await?;
    let own = tokens(owner.login(&person.username, PASSWORD, "").await.map_err(why)?)?;
    let list = async { owner.list_sessions(&own).await.map_err(why) };
    let (listing, listed) = timed(list).await?;
    let change =
        async { owner.change_password(&own, "another long passphrase").await.map_err(why) };
    let changed = timed(change).await;
    let changing = changed.as_ref().map_or_else(|_| String::new(), |(took, ())| ms(*took));
    ended.seen.count(changed.map(|(took, ())| took));
    let left = alive(&owner, &piled).await?;
    let bounds =
        vec![Bound::new("sessions", live.max(listed), SESSIONS), Bound::new("left", left, 0)];
    let got = format!(
        "{live} sessions, listed in {}; {left} after the change in {changing}",
        ms(listing)
    );
    let attack = format!("sessions of one, password known, {}", addresses(SOURCES));
    Ok(vec![Row::new(attack, "new device, change", ended, got, bounds)])
}

/// How many of them still count.
async fn alive(caller: &Caller, all: &[Tokens]) -> anyhow::Result<usize> {
    let asked = stream::iter(all.iter().map(|tokens| caller.is_active(tokens)));
    let answers: Vec<_> = asked.buffer_unordered(AT_ONCE).collect().await;
    let mut live = 0;
    for active in answers {
        live += usize::from(active.map_err(why)?);
    }
    Ok(live)
}
