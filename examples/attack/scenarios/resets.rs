//! Wrong codes of resets over many accounts: whoever asks for a code may guess it.

use std::{cell::Cell, time::Duration};

use super::{Stage, addresses};
use crate::{
    bounds::{ASKED_MAILS, Bound, CODES, of_sources},
    caller::{Caller, Person},
    report::Row,
    siege::{Answer, Plan, siege},
};

/// How often each account is asked for a code.
const ROUNDS: usize = 6;

/// How many codes can be tried for one.
const GUESSES: usize = 5;

/// Until another mail may be asked for.
const COOL_DOWN: Duration = Duration::from_secs(31);

pub(super) async fn run(stage: &Stage) -> anyhow::Result<Vec<Row>> {
    Ok(vec![guess(stage, 1).await?, guess(stage, 20).await?])
}

async fn guess(stage: &Stage, sources: usize) -> anyhow::Result<Row> {
    let (site, time) = (stage.site(), &stage.server.time);
    let people = stage.people(site, stage.sizes.targets, false).await?;
    let owner = stage.owner(site);
    let mut devices = Vec::new();
    for person in &people[..ROUNDS] {
        devices.push(stage.log_in(&owner, person, "").await?.tokens.device_token);
    }
    let evaluated = vec![Cell::new(0); people.len()];
    let all = ROUNDS * people.len();
    let plan = Plan { tries: ROUNDS, between: COOL_DOWN, ..stage.plan(all) };
    let attack = async |number: usize| {
        let target = number % people.len();
        let attacker = stage.attacker(site, number, sources);
        let answers = guess_one(&attacker, &people[target]).await;
        let looked_at = answers.iter().filter(|answer| answer.is_evaluated()).count();
        evaluated[target].set(evaluated[target].get() + looked_at);
        answers
    };
    let reset = async |round: usize| stage.reset(&owner, &people[round], &devices[round]).await;
    let ended = siege(plan, time, attack, reset).await;
    let of_target = evaluated.iter().map(Cell::get).max().unwrap_or_default();
    let mails = |person: &Person| stage.server.inbox.of(&person.email, "reset_password").len();
    // Those who did not ask for one themselves.
    let mails = people[ROUNDS..].iter().map(mails).max().unwrap_or_default();
    let bounds = vec![
        Bound::new("looked at", ended.attempts.evaluated(), of_sources(sources, ended.took)),
        Bound::new("a target", of_target, CODES),
        Bound::new("mails to one", mails, ASKED_MAILS),
        ended.nothing_right(),
    ];
    let got = format!("{} accounts, {mails} mails to one", ended.attempts.right);
    let attack = format!("reset codes of {} accounts, {}", people.len(), addresses(sources));
    Ok(Row::new(attack, "resets, known device", ended, got, bounds))
}

async fn guess_one(attacker: &Caller, person: &Person) -> Vec<Answer> {
    let id = match attacker.ask_reset(&person.email, "").await {
        Ok(id) => id,
        refused @ Err(_) => return vec![Answer::of(&refused)],
    };
    let mut answers = Vec::new();
    for guess in 0..GUESSES {
        let code = format!("ZZZZZ-ZZZZ{guess}");
        let answer = attacker.reset(&id, &code, "the attacker's passphrase").await;
        answers.push(Answer::of(&answer));
    }
    answers
}
