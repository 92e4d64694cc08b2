//! As many mails as can be had without a password, while an owner waits for the code of a login.

use std::time::{Duration, Instant};

use super::{Site, Stage, addresses};
use crate::{
    bounds::{ASKED_MAILS, Bound, LOGIN_MAILS, of_sources},
    caller::Person,
    report::Row,
    siege::{Answer, Attempts, Ended, Plan, siege},
};

/// Spellings of one mailbox.
const TAGS: usize = 40;

/// So often the flood of one mailbox is begun anew when the cool-down is over.
const ROUNDS: usize = 40;

const COOL_DOWN: Duration = Duration::from_secs(31);

pub(super) async fn run(stage: &Stage) -> anyhow::Result<Vec<Row>> {
    Ok(vec![many(stage, 1).await?, many(stage, 30).await?, victim(stage, 30).await?])
}

/// Mails to many mailboxes.
async fn many(stage: &Stage, sources: usize) -> anyhow::Result<Row> {
    let (site, sizes) = (stage.site(), stage.sizes);
    let people = stage.people(site, sizes.flooded, false).await?;
    let owner_site = stage.site();
    let owner = stage.person(owner_site, true).await?;
    let plan = stage.plan(people.len());
    let ended = flood(stage, (site, sources), plan, &people, (owner_site, &owner)).await;
    let sent = |person: &Person| stage.server.inbox.of(&person.email, "reset_password").len();
    let mails: usize = people.iter().map(sent).sum();
    let bounds = vec![Bound::new("mails", mails, of_sources(sources, ended.took))];
    let attack = format!("mails to {} mailboxes, {}", people.len(), addresses(sources));
    Ok(Row::new(attack, "waits for a code", ended, format!("{mails} mails"), bounds))
}

/// Mails to one mailbox, in the spellings that reach it, for most of an hour. It is its owner who waits for a code.
async fn victim(stage: &Stage, sources: usize) -> anyhow::Result<Row> {
    let site = stage.site();
    let victim = stage.person(site, true).await?;
    let tagged = |number: usize| Person {
        username: site.name(1 + number),
        email: victim.email.replace('@', &format!("+{number}@")),
    };
    let people: Vec<_> = (0..TAGS).map(tagged).collect();
    stage.register(&people, false).await?;
    let plan = Plan { tries: ROUNDS, between: COOL_DOWN, ..stage.plan(5 * ROUNDS) };
    let ended = flood(stage, (site, sources), plan, &people, (site, &victim)).await;
    let is_victims =
        |address: &str| address == victim.email || people.iter().any(|one| one.email == address);
    let mails = stage.server.inbox.count("reset_password", is_victims);
    let codes = stage.server.inbox.count("login", is_victims);
    let bounds =
        vec![Bound::new("mails", mails, ASKED_MAILS), Bound::new("codes", codes, LOGIN_MAILS)];
    let attack = format!("mails to one mailbox, {TAGS} spellings, {}", addresses(sources));
    Ok(Row::new(attack, "the victim, code", ended, format!("{mails} mails"), bounds))
}

async fn flood(
    stage: &Stage,
    (site, sources): (Site, usize),
    plan: Plan,
    people: &[Person],
    (owner_site, owner): (Site, &Person),
) -> Ended {
    let attack = async |number: usize| {
        let attacker = stage.attacker(site, number, sources);
        let asked = attacker.ask_reset(&people[number % people.len()].email, "").await;
        vec![Answer::of(&asked)]
    };
    let caller = stage.owner(owner_site);
    // Until the code was there: what comes after has nothing to do with mails.
    let wait = async |_| {
        let begun = Instant::now();
        let code = stage.log_in(&caller, owner, "").await?.code;
        let code = code.ok_or_else(|| anyhow::anyhow!("no code was asked for"))?;
        Ok(code.at.saturating_duration_since(begun))
    };
    let ended = siege(plan, &stage.server.time, attack, wait).await;
    // A request that is taken is no guess that was right.
    let Attempts { right, wrong, refused } = ended.attempts;
    let attempts = Attempts { right: 0, wrong: wrong + right, refused };
    Ended { attempts, ..ended }
}
