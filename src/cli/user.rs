//! `countersign user`: users, as AdminService manages them, and with no token.

mod create;
mod find;
mod list;
mod manage;
mod operate;
mod secret;
mod show;

use crate::{
    app::{self, Environment, Parts},
    config::Config,
    service::UserManager,
    store,
};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    #[command(flatten)]
    Managed(Managed),
    #[command(flatten)]
    Operated(Operated),
}

/// What AdminService does, too.
#[derive(Debug, clap::Subcommand)]
enum Managed {
    /// List users, the newest first
    List(list::Arguments),
    /// Show a user
    Show(show::Arguments),
    /// Make a user. The first administrator: --role admin
    Create(create::Arguments),
    /// Change a user's name, address, state, roles, metadata or claims
    Set(manage::SetArguments),
    /// Delete a user for good
    Delete(manage::DeleteArguments),
    /// Set a user's password, and end all sessions
    SetPassword(manage::SetPasswordArguments),
    /// Turn two-factor login off, and forget app and recovery codes
    ResetFactors(manage::Named),
    /// List a user's sessions, or end them
    Sessions(show::SessionsArguments),
    /// Forget the failures that throttle a user
    Unlock(manage::Named),
}

#[derive(Debug, clap::Subcommand)]
enum Operated {
    /// Turn two-factor login off, for somebody who has lost phone and recovery codes. Be sure who asks
    #[command(name = "disable-2fa")]
    DisableTwoFactor(manage::Named),
    /// Let a user in no more, and end their sessions on every replica at once
    Disable(manage::Named),
    /// Let a disabled user log in again
    Enable(manage::Named),
}

pub(super) async fn run(config: Config, arguments: &Arguments) -> anyhow::Result<()> {
    let (action, named) = match &arguments.action {
        Action::Managed(managed) => {
            let parts = parts(config).await?;
            let done = manage_by(&parts.users, managed).await;
            parts.store.close().await;
            return done;
        }
        Action::Operated(Operated::DisableTwoFactor(named)) => {
            (operate::Action::DisableTwoFactor, named)
        }
        Action::Operated(Operated::Disable(named)) => (operate::Action::Disable, named),
        Action::Operated(Operated::Enable(named)) => (operate::Action::Enable, named),
    };
    operate::run(&config, action, &named.user).await
}

async fn manage_by(users: &UserManager, action: &Managed) -> anyhow::Result<()> {
    match action {
        Managed::List(given) => list::run(users, given).await,
        Managed::Show(given) => show::run(users, given).await,
        Managed::Create(given) => create::run(users, given).await,
        Managed::Set(given) => manage::set(users, given).await,
        Managed::Delete(given) => manage::delete(users, given).await,
        Managed::SetPassword(given) => manage::set_password(users, given).await,
        Managed::ResetFactors(given) => manage::reset_factors(users, given).await,
        Managed::Sessions(given) => show::sessions(users, given).await,
        Managed::Unlock(given) => manage::unlock(users, given).await,
    }
}

/// The parts of a server, on a database that exists. Limits by source are off: every call comes from here.
async fn parts(mut config: Config) -> anyhow::Result<Parts> {
    store::must_exist(&config.database.url)?;
    config.policy.address_rate = 0;
    Ok(app::parts(&config, &Environment::default()).await?)
}
