//! Wrong codes of one account's second factor, by somebody who has its password.

use std::time::Duration;

use anyhow::Context as _;
use countersign::pb::{login_response::Result as Outcome, verify2_fa_request::Proof};

use super::{
    Stage, addresses,
    owner::{challenge, why},
};
use crate::{
    bounds::{Bound, CODES, LOGIN_MAILS},
    caller::{Caller, PASSWORD, Person},
    report::Row,
    siege::{Answer, Plan, siege, timed},
};

const SOURCES: usize = 10;

/// How many codes can be tried for one challenge.
const GUESSES: usize = 5;

/// More logins than are sent a code.
const LOGINS: usize = LOGIN_MAILS + 10;

/// A time step of an app, each of whose codes works once.
const STEP: Duration = Duration::from_secs(30);

pub(super) async fn run(stage: &Stage) -> anyhow::Result<Vec<Row>> {
    Ok(vec![of_an_app(stage).await?, by_mail(stage).await?])
}

async fn of_an_app(stage: &Stage) -> anyhow::Result<Row> {
    let (site, time) = (stage.site(), &stage.server.time);
    let (person, owner) = (stage.person(site, false).await?, stage.owner(site));
    let now = || u64::try_from(time.now().unix_seconds()).context("before 1970");
    let tokens = stage.log_in(&owner, &person, "").await?.tokens;
    let app = owner.enroll(&tokens, now()?).await?;
    let log_in = async |device: &str| {
        // The code of the enrolment, or of the last login, is used up.
        time.advance(STEP);
        let outcome = owner.login(&person.username, PASSWORD, device).await.map_err(why)?;
        let id = challenge(outcome)?.challenge_id;
        let proof = Proof::TotpCode(app.generate(now()?).to_string());
        owner.verify(&id, proof).await.map_err(why)
    };
    let device = log_in("").await?.device_token;
    // Each try puts the clock forward by a step of the app.
    let plan = Plan { at_once: 1, tries: 5, ..stage.plan(stage.sizes.apps) };
    let attack = async |number: usize| {
        let attacker = stage.attacker(site, number, SOURCES);
        guess(&attacker, &person, Proof::TotpCode).await
    };
    let again = async |_| Ok(timed(log_in(&device)).await?.0);
    let ended = siege(plan, time, attack, again).await;
    let looked_at = Bound::new("looked at", ended.attempts.evaluated(), CODES);
    let bounds = vec![looked_at, ended.nothing_right()];
    let got = format!("{} sessions; notices: {}", ended.attempts.right, notices(stage, &person));
    let attack = format!("an app's codes, password known, {}", addresses(SOURCES));
    Ok(Row::new(attack, "app, known device", ended, got, bounds))
}

async fn by_mail(stage: &Stage) -> anyhow::Result<Row> {
    let (site, time) = (stage.site(), &stage.server.time);
    let (person, owner) = (stage.person(site, true).await?, stage.owner(site));
    let device = stage.log_in(&owner, &person, "").await?.tokens.device_token;
    let mails = || stage.server.inbox.of(&person.email, "login");
    let before = mails().len();
    // One at a time: the owner, who is sent the attacker's codes as well, tries those that come.
    let plan = Plan { at_once: 1, ..stage.plan(LOGINS) };
    let attack = async |number: usize| {
        let attacker = stage.attacker(site, number, SOURCES);
        guess(&attacker, &person, Proof::OtpCode).await
    };
    let own = std::cell::RefCell::new(Vec::new());
    let log_in = async |_| {
        let (took, logged_in) = timed(stage.log_in(&owner, &person, &device)).await?;
        own.borrow_mut().extend(logged_in.code);
        Ok(took)
    };
    let ended = siege(plan, time, attack, log_in).await;
    let is_short = |code: &str| code.len() == 6;
    let own = own.into_inner();
    let all = mails().split_off(before);
    let short = all.iter().filter(|mail| is_short(&mail.code)).count()
        - own.iter().filter(|mail| is_short(&mail.code)).count();
    let (of_strangers, guesses) = (all.len() - own.len(), short * GUESSES);
    let bounds = vec![
        Bound::new("at six digits", guesses, CODES),
        Bound::new("mails", of_strangers, LOGIN_MAILS),
        ended.nothing_right(),
    ];
    let got = format!(
        "{} sessions, {guesses} at six digits, {of_strangers} mails; notices: {}",
        ended.attempts.right,
        notices(stage, &person)
    );
    let attack = format!("mailed codes, password known, {}", addresses(SOURCES));
    Ok(Row::new(attack, "code, known device", ended, got, bounds))
}

fn notices(stage: &Stage, person: &Person) -> usize {
    stage.server.inbox.of(&person.email, "wrong_codes").len()
}

/// Logs in, and sends wrong codes.
async fn guess(attacker: &Caller, person: &Person, proof: impl Fn(String) -> Proof) -> Vec<Answer> {
    let answer = attacker.login(&person.username, PASSWORD, "").await;
    let Ok(Outcome::Challenge(challenge)) = answer else { return vec![Answer::of(&answer)] };
    let mut answers = Vec::new();
    for _ in 0..GUESSES {
        // As good as never right; what can't be a code is no guess.
        let answer = attacker.verify(&challenge.challenge_id, proof("000000".to_owned())).await;
        answers.push(Answer::of(&answer));
    }
    answers
}
