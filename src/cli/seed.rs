//! `countersign seed`: sample users, by the way that an import takes.

use std::{ops::RangeInclusive, time::Instant};

use anyhow::{Context as _, bail, ensure};
use futures_util::{StreamExt as _, stream};
use indicatif::{ProgressBar, ProgressStyle};
use zeroize::Zeroizing;

use super::context;
use crate::{
    app::{self, Environment},
    config::{Config, Profile},
    domain::Password,
    password::Passwords,
    service::{ImportOutcome, TransferredUser, Transfers},
    store,
};

/// The password of every sample user.
const PASSWORD: &str = "sample correct horse";

/// Users in one transaction.
const BATCH: u32 = 1000;

/// Batches under way at a time: one is made while another one is written.
const AHEAD: usize = 2;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// How many users there shall be
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=100_000_000))]
    users: u32,
    /// Do so in a Postgres database too: everybody knows the sample users' password
    #[arg(long)]
    even_in_production: bool,
}

pub(super) async fn run(config: &Config, arguments: &Arguments) -> anyhow::Result<()> {
    ensure!(
        config.profile == Profile::Development || arguments.even_in_production,
        "this is no development database: everybody would know the sample users' password \
         (--even-in-production does it all the same)"
    );
    store::must_exist(&config.database.url)?;
    let parts = app::parts(config, &Environment::default()).await?;
    let hash = hash(&parts.passwords).await?;
    let made = make_all(&parts.transfers, &hash, arguments.users).await?;
    let there = arguments.users - made;
    tracing::info!(
        made,
        there,
        "sample users sample-1, sample-2, … with the password {PASSWORD:?}"
    );
    parts.store.close().await;
    Ok(())
}

/// One hash serves all: a hash each would take days of a core for millions of users, whose password is known anyway.
async fn hash(passwords: &Passwords) -> anyhow::Result<Zeroizing<String>> {
    let password = Password::parse(PASSWORD).ok().context("not a password")?;
    Ok(Zeroizing::new(passwords.hash(&password, &context::of_operator()).await?))
}

/// Makes the sample users up to that number, and says how many were not there.
async fn make_all(transfers: &Transfers, hash: &str, users: u32) -> anyhow::Result<u32> {
    // A progress bar shows itself only on a terminal.
    let bar = ProgressBar::new(u64::from(users)).with_style(ProgressStyle::with_template(
        "{bar:40} {pos}/{len} users{msg}  {elapsed} of {duration}, {eta} to go",
    )?);
    let begun = Instant::now();
    let firsts = stream::iter((1..=users).step_by(BATCH as usize));
    let batches = firsts.map(|first| {
        let numbers = first..=users.min(first.saturating_add(BATCH - 1));
        async move { (numbers.clone(), make(transfers, hash, numbers).await) }
    });
    let (mut made, mut batches) = (0, std::pin::pin!(batches.buffered(AHEAD)));
    while let Some((numbers, batch)) = batches.next().await {
        made += batch?;
        bar.set_position(u64::from(*numbers.end()));
        let rate = f64::from(*numbers.end()) / begun.elapsed().as_secs_f64();
        bar.set_message(format!(", {rate:.0} a second"));
    }
    bar.finish_and_clear();
    Ok(made)
}

/// Makes the sample users of those numbers, and says how many were not there.
async fn make(
    transfers: &Transfers,
    hash: &str,
    numbers: RangeInclusive<u32>,
) -> anyhow::Result<u32> {
    let rows = numbers.clone().map(|number| sample(number, hash)).collect();
    let outcomes = transfers.import_users(&context::of_operator(), rows, false).await?;
    let mut made = 0;
    for (number, outcome) in numbers.zip(outcomes) {
        made += u32::from(is_made(number, &outcome)?);
    }
    Ok(made)
}

/// The sample user of that number. Every second one has a second factor.
fn sample(number: u32, hash: &str) -> TransferredUser {
    TransferredUser {
        username: format!("sample-{number}"),
        email: format!("sample-{number}@example.com"),
        password_hash: Zeroizing::new(hash.to_owned()),
        two_factor_enabled: number.is_multiple_of(2),
        ..TransferredUser::default()
    }
}

/// Whether the sample user was not there.
fn is_made(number: u32, outcome: &ImportOutcome) -> anyhow::Result<bool> {
    match outcome {
        ImportOutcome::Created(_) => Ok(true),
        ImportOutcome::Exists(_) => Ok(false),
        // One who has another address by now.
        ImportOutcome::Invalid(problems) if problems.iter().all(|of| of.field == "username") => {
            Ok(false)
        }
        ImportOutcome::Invalid(problems) => {
            let said = problems.iter().map(|of| format!("{} {}", of.field, of.problem));
            bail!("sample-{number} can't be made: {}", said.collect::<Vec<_>>().join("; "))
        }
    }
}
