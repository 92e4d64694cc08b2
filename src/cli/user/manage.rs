//! Changes of a user.

use std::io::Write as _;

use anyhow::{Context as _, ensure};
use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use serde_json::{Map, Value};

use super::{
    find::{find, said},
    secret::Credential,
};
use crate::{
    cli::context,
    domain::ManagedUser,
    service::{Conditions, SetPasswordRequest, UpdateUserRequest, UserManager},
};

#[derive(Debug, clap::Args)]
pub(super) struct Named {
    /// An id, a username or an e-mail address
    pub(super) user: String,
}

#[derive(Debug, clap::Args)]
pub(super) struct SetArguments {
    #[command(flatten)]
    named: Named,
    /// Another name to log in with
    #[arg(long)]
    username: Option<String>,
    /// Another e-mail address
    #[arg(long)]
    email: Option<String>,
    /// Whether the address is verified
    #[arg(long, value_parser = PossibleValuesParser::new(["yes", "no"]).map(|text| text == "yes"))]
    verified: Option<bool>,
    /// Whether the user may log in
    #[arg(long, value_parser = PossibleValuesParser::new(["active", "disabled"]).map(|text| text == "disabled"))]
    state: Option<bool>,
    /// The roles, in place of the present ones; may be given several times
    #[arg(long = "role", value_name = "ROLE", conflicts_with = "no_roles")]
    roles: Vec<String>,
    /// Take all roles away
    #[arg(long)]
    no_roles: bool,
    /// Data of administrators, as a JSON object
    #[arg(long, value_name = "JSON", value_parser = object)]
    metadata: Option<Object>,
    /// Claims of access tokens, as a JSON object
    #[arg(long, value_name = "JSON", value_parser = object)]
    claims: Option<Object>,
    /// Change nothing: say whether it could be done
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct DeleteArguments {
    #[command(flatten)]
    named: Named,
    /// Really: it can't be undone
    #[arg(long)]
    yes: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct SetPasswordArguments {
    #[command(flatten)]
    named: Named,
    #[command(flatten)]
    credential: Credential,
}

/// A JSON object.
type Object = Map<String, Value>;

fn object(text: &str) -> Result<Object, String> {
    serde_json::from_str(text).map_err(|error| format!("must be a JSON object: {error}"))
}

pub(super) async fn set(users: &UserManager, given: &SetArguments) -> anyhow::Result<()> {
    let found = find(users, &given.named.user).await?;
    let roles = (given.no_roles || !given.roles.is_empty()).then(|| given.roles.clone());
    let request = UpdateUserRequest {
        conditions: Conditions { validate_only: given.dry_run, ..of(&found) },
        username: given.username.clone(),
        email: given.email.clone(),
        email_verified: given.verified,
        disabled: given.state,
        roles,
        metadata: given.metadata.clone(),
        claims: given.claims.clone(),
    };
    let changed = users.update_user(&context::of_operator(), request).await.map_err(said)?;
    let done = if given.dry_run {
        "could be changed"
    } else if changed.etag == found.etag {
        "is as it was"
    } else {
        "is changed"
    };
    tell(&changed, done)
}

pub(super) async fn delete(users: &UserManager, given: &DeleteArguments) -> anyhow::Result<()> {
    let found = find(users, &given.named.user).await?;
    let name = &found.user.username;
    ensure!(given.yes, "{name} would be deleted for good: say --yes to do so");
    users.delete_user(&context::of_operator(), &of(&found)).await.map_err(said)?;
    tell(&found, "is deleted")
}

pub(super) async fn set_password(
    users: &UserManager,
    given: &SetPasswordArguments,
) -> anyhow::Result<()> {
    let found = find(users, &given.named.user).await?;
    let credential = given.credential.read()?;
    let credential = Some(credential.context("say --password-stdin or --password-hash")?);
    let request = SetPasswordRequest { conditions: of(&found), credential };
    let changed = users.set_password(&context::of_operator(), request).await.map_err(said)?;
    tell(&changed, "has another password, and all sessions have ended")
}

pub(super) async fn reset_factors(users: &UserManager, given: &Named) -> anyhow::Result<()> {
    let found = find(users, &given.user).await?;
    let changed = users.reset_factors(&context::of_operator(), &of(&found)).await.map_err(said)?;
    tell(&changed, "logs in by the password alone: app and recovery codes are forgotten")
}

pub(super) async fn unlock(users: &UserManager, given: &Named) -> anyhow::Result<()> {
    let found = find(users, &given.user).await?;
    let id = found.user.id.to_string();
    users.unlock_user(&context::of_operator(), &id).await.map_err(said)?;
    tell(&found, "can log in at once: failures are forgotten")
}

/// A change of the user as found: if it has changed since, nothing is done.
fn of(found: &ManagedUser) -> Conditions {
    let (id, etag) = (found.user.id.to_string(), found.etag.clone());
    Conditions { id, etag, ..Conditions::default() }
}

fn tell(managed: &ManagedUser, what: &str) -> anyhow::Result<()> {
    let user = &managed.user;
    Ok(writeln!(std::io::stdout(), "{} ({}) {what}.", user.username, user.id)?)
}
