//! `countersign user create`.

use std::io::Write as _;

use super::{find::said, secret::Credential};
use crate::{
    cli::context,
    service::{CreateUserRequest, UserManager},
};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The name to log in with
    username: String,
    /// The e-mail address
    #[arg(long)]
    email: String,
    /// A role; may be given several times
    #[arg(long = "role", value_name = "ROLE")]
    roles: Vec<String>,
    /// Take the address as verified
    #[arg(long)]
    verified: bool,
    /// Let the user not log in yet
    #[arg(long)]
    disabled: bool,
    #[command(flatten)]
    credential: Credential,
    /// Change nothing: say whether it could be done
    #[arg(long)]
    dry_run: bool,
}

pub(super) async fn run(users: &UserManager, arguments: &Arguments) -> anyhow::Result<()> {
    let request = CreateUserRequest {
        username: arguments.username.clone(),
        email: arguments.email.clone(),
        email_verified: arguments.verified,
        disabled: arguments.disabled,
        roles: arguments.roles.clone(),
        credential: arguments.credential.read()?,
        validate_only: arguments.dry_run,
        ..CreateUserRequest::default()
    };
    let created = users.create_user(&context::of_operator(), request).await.map_err(said)?;
    let user = &created.user.user;
    let mut out = std::io::stdout();
    if arguments.dry_run {
        writeln!(out, "{} could be made.", user.username)?;
        return Ok(());
    }
    let roles = if user.roles.is_empty() { "no role".to_owned() } else { user.roles.join(", ") };
    writeln!(out, "{} ({}) is made, with {roles}.", user.username, user.id)?;
    if let Some(reset) = &created.reset {
        writeln!(
            out,
            "A running server sends a code to {}. With it, ResetPassword sets a password; its reset_id is\n\n  {}",
            user.email,
            reset.expose()
        )?;
    }
    Ok(())
}
