//! `countersign user`: what only an operator can do for a user.

use std::io::Write as _;

use crate::{
    app,
    config::Config,
    service::{Clock, Disabled},
};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Turn two-factor login off, for somebody who has lost phone and recovery codes. Be sure who asks
    #[command(name = "disable-2fa")]
    DisableTwoFactor {
        /// A username or an e-mail address
        user: String,
    },
}

pub(super) async fn run(config: &Config, arguments: &Arguments) -> anyhow::Result<()> {
    let operator = app::operator(config, &Clock::system()).await?;
    let Action::DisableTwoFactor { user } = &arguments.action;
    let said = match operator.disable_two_factor(user).await? {
        Disabled::Now(user) => format!(
            "Two-factor login of {} ({}) is off: the password alone logs in. Authenticator app and recovery codes are\n\
             forgotten, logins that waited for a code have ended, and a running server sends a notice to {}.\n",
            user.username, user.id, user.email
        ),
        Disabled::Before(user) => {
            format!(
                "Two-factor login of {} ({}) was off: nothing is changed.\n",
                user.username, user.id
            )
        }
    };
    std::io::stdout().write_all(said.as_bytes())?;
    operator.store.close().await;
    Ok(())
}
