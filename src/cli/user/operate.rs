//! What only an operator does for a user, whatever its etag.

use std::io::Write as _;

use crate::{
    app,
    cli::context,
    config::Config,
    service::{Clock, Disabled, Operator, Switched},
};

/// What is done.
#[derive(Debug, Clone, Copy)]
pub(super) enum Action {
    DisableTwoFactor,
    Disable,
    Enable,
}

pub(super) async fn run(config: &Config, action: Action, user: &str) -> anyhow::Result<()> {
    let operator = app::operator(config, &Clock::system()).await?;
    let said = match action {
        Action::DisableTwoFactor => disable_two_factor(&operator, user).await?,
        Action::Disable => disable(&operator, user).await?,
        Action::Enable => enable(&operator, user).await?,
    };
    std::io::stdout().write_all(said.as_bytes())?;
    operator.store.close().await;
    Ok(())
}

async fn disable_two_factor(operator: &Operator, user: &str) -> anyhow::Result<String> {
    Ok(match operator.disable_two_factor(&context::of_operator(), user).await? {
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
    })
}

async fn disable(operator: &Operator, user: &str) -> anyhow::Result<String> {
    Ok(match operator.disable_user(&context::of_operator(), user).await? {
        Switched::Now(user) => format!(
            "{} ({}) is disabled and can't log in. All sessions have ended, for good; services that follow\n\
             revocations refuse the tokens within a second. To let the user log in again:\n\n  countersign user enable {}\n",
            user.username, user.id, user.username
        ),
        Switched::Before(user) => {
            format!("{} ({}) was disabled: nothing is changed.\n", user.username, user.id)
        }
    })
}

async fn enable(operator: &Operator, user: &str) -> anyhow::Result<String> {
    Ok(match operator.enable_user(&context::of_operator(), user).await? {
        Switched::Now(user) => format!(
            "{} ({}) is enabled and can log in. Sessions from before stay ended.\n",
            user.username, user.id
        ),
        Switched::Before(user) => {
            format!("{} ({}) was enabled: nothing is changed.\n", user.username, user.id)
        }
    })
}
