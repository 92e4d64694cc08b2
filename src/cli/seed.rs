//! `countersign seed`.

use anyhow::{bail, ensure};
use futures_util::{StreamExt as _, stream};
use indicatif::{ProgressBar, ProgressStyle};
use zeroize::Zeroizing;

use super::context;
use crate::{
    app::{self, Environment},
    config::{Config, Profile},
    service::{Accounts, Error, RegisterRequest},
    store,
};

/// The password of every sample user.
const PASSWORD: &str = "sample correct horse";

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// How many users there shall be
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    users: u32,
    /// Do so in a Postgres database too: everybody knows the sample users' password
    #[arg(long)]
    even_in_production: bool,
}

pub(super) async fn run(mut config: Config, arguments: &Arguments) -> anyhow::Result<()> {
    ensure!(
        config.profile == Profile::Development || arguments.even_in_production,
        "this is no development database: everybody would know the sample users' password \
         (--even-in-production does it all the same)"
    );
    store::must_exist(&config.database.url)?;
    // The sample users have no mailbox to read a code in.
    config.policy.email_verification = false;
    // Limits by source are off: every call comes from here.
    let policy = &mut config.policy;
    (policy.source_failures, policy.service_failures, policy.address_rate) = (0, 0, 0);
    let parts = app::parts(&config, &Environment::default()).await?;
    // A progress bar shows itself only on a terminal.
    let bar = ProgressBar::new(u64::from(arguments.users)).with_style(
        ProgressStyle::with_template("{bar:40} {pos}/{len} users  {elapsed} of {duration}")?,
    );
    let mut made = 0;
    let mut users = stream::iter(1..=arguments.users)
        .map(|number| make(&parts.accounts, number))
        .buffer_unordered(config.password.queue);
    while let Some(user) = users.next().await {
        made += u32::from(user?);
        bar.inc(1);
    }
    bar.finish_and_clear();
    let there = arguments.users - made;
    tracing::info!(
        made,
        there,
        "sample users sample-1, sample-2, … with the password {PASSWORD:?}"
    );
    parts.store.close().await;
    Ok(())
}

/// Makes the sample user of that number, unless it exists. Every second one has a second factor.
async fn make(accounts: &Accounts, number: u32) -> anyhow::Result<bool> {
    let request = RegisterRequest {
        username: format!("sample-{number}"),
        email: format!("sample-{number}@example.com"),
        password: Zeroizing::new(PASSWORD.to_owned()),
        is_2fa_enabled: number.is_multiple_of(2),
        request_id: String::new(),
    };
    match accounts.register(&context::of_operator(), request).await {
        Ok(_) => Ok(true),
        Err(Error::UsernameTaken) => Ok(false),
        Err(Error::EmailTaken) => bail!("sample-{number}@example.com belongs to another user"),
        Err(error) => Err(error.into()),
    }
}
