//! `countersign user list`.

use std::{io::Write as _, time::Duration};

use clap::builder::{PossibleValuesParser, TypedValueParser as _};

use super::{
    find::said,
    show::{object, state},
};
use crate::{
    cli::{date, table::aligned},
    domain::{ManagedUser, TimeRange, Timestamp},
    service::{Clock, ListUsersRequest, UserManager},
};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Only those in this state
    #[arg(long, value_parser = PossibleValuesParser::new(["active", "disabled"]).map(|text| text == "disabled"))]
    state: Option<bool>,
    /// Only those with this role
    #[arg(long, default_value = "", hide_default_value = true)]
    role: String,
    /// Only those whose address is verified, or is not
    #[arg(long, value_parser = PossibleValuesParser::new(["yes", "no"]).map(|text| text == "yes"))]
    verified: Option<bool>,
    /// Only those whose username begins so
    #[arg(long, default_value = "", hide_default_value = true)]
    prefix: String,
    /// Only those whose address begins so
    #[arg(long, default_value = "", hide_default_value = true)]
    email_prefix: String,
    /// Only those made within this time, such as 24h or 7d
    #[arg(long, value_name = "AGE", value_parser = humantime::parse_duration)]
    created_within: Option<Duration>,
    /// Only those who logged in within this time
    #[arg(long, value_name = "AGE", value_parser = humantime::parse_duration)]
    seen_within: Option<Duration>,
    /// How many at the most
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    limit: u32,
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(users: &UserManager, arguments: &Arguments) -> anyhow::Result<()> {
    let since = |age: Option<Duration>| TimeRange {
        from: age.map(|age| Clock::system().now().minus(age).max(Timestamp::from_unix_micros(0))),
        before: None,
    };
    let mut request = ListUsersRequest {
        disabled: arguments.state,
        role: arguments.role.clone(),
        email_verified: arguments.verified,
        created: since(arguments.created_within),
        last_login: since(arguments.seen_within),
        username_prefix: arguments.prefix.clone(),
        email_prefix: arguments.email_prefix.clone(),
        ..ListUsersRequest::default()
    };
    let (most, mut found) = (usize::try_from(arguments.limit).unwrap_or(usize::MAX), Vec::new());
    loop {
        request.page_size = i32::try_from((most - found.len()).min(1000)).unwrap_or(1000);
        let page = users.list_users(request.clone()).await.map_err(said)?;
        found.extend(page.users);
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() || found.len() >= most {
            break;
        }
    }
    let text = if arguments.json { lines(&found) } else { table(&found) };
    let mut out = std::io::stdout();
    out.write_all(text.as_bytes())?;
    if !request.page_token.is_empty() && !arguments.json {
        writeln!(out, "There are more: --limit")?;
    }
    Ok(())
}

fn lines(users: &[ManagedUser]) -> String {
    users.iter().map(|user| format!("{}\n", object(user))).collect()
}

fn table(users: &[ManagedUser]) -> String {
    let heading =
        ["id", "username", "email", "state", "roles", "created", "last login"].map(str::to_owned);
    let row = |managed: &ManagedUser| {
        let user = &managed.user;
        [
            user.id.to_string(),
            user.username.clone(),
            user.email.clone(),
            state(managed).to_owned(),
            if user.roles.is_empty() { "-".to_owned() } else { user.roles.join(" ") },
            date::seconds(user.created_at),
            managed.last_login_at.map_or_else(|| "-".to_owned(), date::seconds),
        ]
    };
    let rows: Vec<_> = [heading].into_iter().chain(users.iter().map(row)).collect();
    aligned(&rows, &[0, 1, 2, 3, 4, 5, 6])
}
