//! `countersign user show` and `countersign user sessions`.

use std::io::Write as _;

use serde_json::json;

use super::find::{find, said};
use crate::{
    cli::{context, date, table::aligned},
    domain::{ManagedUser, Session, Timestamp},
    service::{Error, ListSessionsRequest, UserManager},
};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// An id, a username or an e-mail address
    user: String,
    /// Print a JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct SessionsArguments {
    /// An id, a username or an e-mail address
    user: String,
    /// End this session
    #[arg(long, value_name = "ID", conflicts_with = "revoke_all")]
    revoke: Option<String>,
    /// End all sessions
    #[arg(long)]
    revoke_all: bool,
}

pub(super) async fn run(users: &UserManager, arguments: &Arguments) -> anyhow::Result<()> {
    let user = find(users, &arguments.user).await?;
    let text = if arguments.json { format!("{}\n", object(&user)) } else { text(&user) };
    Ok(std::io::stdout().write_all(text.as_bytes())?)
}

pub(super) async fn sessions(
    users: &UserManager,
    arguments: &SessionsArguments,
) -> anyhow::Result<()> {
    let user = find(users, &arguments.user).await?;
    let (id, mut out) = (user.user.id.to_string(), std::io::stdout());
    if arguments.revoke_all || arguments.revoke.is_some() {
        let session = arguments.revoke.as_deref().unwrap_or_default();
        let revoked = users.revoke_user_sessions(&context::of_operator(), &id, session).await;
        writeln!(out, "{} sessions of {} have ended.", revoked.map_err(said)?, user.user.username)?;
        return Ok(());
    }
    let sessions = all_sessions(users, &id).await.map_err(said)?;
    let heading = ["id", "device", "address", "began", "last used"].map(str::to_owned);
    let rows = sessions.iter().map(|session| {
        [
            session.id.to_string(),
            session.device_name.clone(),
            session.address.map_or_else(|| "-".to_owned(), |address| address.to_string()),
            date::seconds(session.created_at),
            date::seconds(session.last_used_at),
        ]
    });
    let rows: Vec<_> = [heading].into_iter().chain(rows).collect();
    Ok(out.write_all(aligned(&rows, &[0, 1, 2, 3, 4]).as_bytes())?)
}

async fn all_sessions(users: &UserManager, user_id: &str) -> Result<Vec<Session>, Error> {
    // As many as a page may have: as a rule that is all of them, at one moment.
    let mut request = ListSessionsRequest { page_size: 100, ..Default::default() };
    let mut sessions = Vec::new();
    loop {
        let page = users.list_user_sessions(user_id, request.clone()).await?;
        sessions.extend(page.sessions);
        if page.next_page_token.is_empty() {
            return Ok(sessions);
        }
        request.page_token = page.next_page_token;
    }
}

/// The user as JSON, in the names of the RPC.
pub(super) fn object(managed: &ManagedUser) -> serde_json::Value {
    let ManagedUser { user, metadata, has_password, last_login_at, deletion_due_at, etag } =
        managed;
    json!({
        "id": user.id.to_string(),
        "username": user.username,
        "email": user.email,
        "email_verified": user.email_verified,
        "state": state(managed),
        "roles": user.roles,
        "metadata": metadata.members(),
        "claims": user.claims.members(),
        "two_factor_enabled": user.is_2fa_enabled,
        "has_password": has_password,
        "create_time": date::micros(user.created_at),
        "last_login_time": last_login_at.map(date::micros),
        "disable_time": user.disabled_at.map(date::micros),
        "delete_time": deletion_due_at.map(date::micros),
        "etag": etag,
    })
}

/// The state of a user in a word.
pub(super) fn state(managed: &ManagedUser) -> &'static str {
    if managed.user.disabled_at.is_some() { "disabled" } else { "active" }
}

fn text(managed: &ManagedUser) -> String {
    let ManagedUser { user, metadata, has_password, last_login_at, deletion_due_at, .. } = managed;
    let yes_or_no = |yes| if yes { "yes" } else { "no" }.to_owned();
    let or_none = |text: String| if text.is_empty() { "-".to_owned() } else { text };
    let when = |time: Option<Timestamp>| time.map_or_else(|| "-".to_owned(), date::seconds);
    let rows = [
        ("id", user.id.to_string()),
        ("username", user.username.clone()),
        ("email", user.email.clone()),
        ("verified", yes_or_no(user.email_verified)),
        ("state", state(managed).to_owned()),
        ("roles", or_none(user.roles.join(" "))),
        ("second factor", yes_or_no(user.is_2fa_enabled)),
        ("password", yes_or_no(*has_password)),
        ("created", date::seconds(user.created_at)),
        ("last login", when(*last_login_at)),
        ("disabled since", when(user.disabled_at)),
        ("deleted from", when(*deletion_due_at)),
        ("claims", user.claims.to_text()),
        ("metadata", metadata.to_text()),
    ];
    let rows = rows.map(|(name, value)| [name.to_owned(), value]);
    aligned(&rows, &[0, 1])
}
