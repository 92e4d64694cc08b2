//! `countersign events`: lists the audit log.

use std::{io::Write as _, time::Duration};

use anyhow::Context as _;
use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use serde_json::json;
use uuid::Uuid;

use super::{date, table::aligned};
use crate::{
    config::Database,
    domain::{Event, EventKind, LoginName, Timestamp, id, size},
    service::Clock,
    store::{EventFilter, Store},
};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Only this user's; of one who is gone, by their id
    #[arg(long, value_name = "NAME_OR_EMAIL")]
    user: Option<String>,
    /// Only those of this kind
    #[arg(long, value_parser = PossibleValuesParser::new(EventKind::ALL.map(EventKind::as_str))
        .try_map(|name| EventKind::parse(&name).ok_or("no such kind")))]
    kind: Option<EventKind>,
    /// Only those that are not older than this, such as 24h or 7d
    #[arg(long, value_name = "AGE", value_parser = humantime::parse_duration)]
    since: Option<Duration>,
    /// How many: the newest
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    limit: u32,
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(database: &Database, arguments: &Arguments) -> anyhow::Result<()> {
    let store = database.connect_existing().await?;
    store.check().await?;
    let user_id = match &arguments.user {
        Some(name) => Some(user_id(store.as_ref(), name).await?),
        None => None,
    };
    let beginning = Timestamp::from_unix_micros(0);
    let since = arguments.since.map_or(beginning, |age| Clock::system().now().minus(age));
    let (kind, since, most) = (arguments.kind, since.max(beginning), arguments.limit);
    let mut events = store.events_list(EventFilter { user_id, kind, since, most }).await?;
    // Newest last, right above the prompt.
    events.reverse();
    let said = if arguments.json { lines(&events) } else { text(&events) };
    std::io::stdout().write_all(said.as_bytes())?;
    store.close().await;
    Ok(())
}

/// The id of the user with that name, or the name as an id: events outlive their user.
async fn user_id(store: &dyn Store, name: &str) -> anyhow::Result<Uuid> {
    if let Ok(name) = LoginName::parse(name)
        && let Some(found) = store.user_by_login(&name).await?
    {
        return Ok(found.user.id);
    }
    id(size::USER_ID, name).ok().with_context(|| {
        format!(
            "there is no user with the name or the address {name:?} (--user); \
             one who was deleted is found by their id"
        )
    })
}

fn text(events: &[Event]) -> String {
    let heading = ["at", "event", "account", "session", "address", "actor"].map(str::to_owned);
    let row = |event: &Event| {
        [
            date::seconds(event.at),
            event.kind.as_str().to_owned(),
            concerned(event),
            event.session_id.map_or_else(none, |id| id.to_string()),
            event.address.map_or_else(none, |address| address.to_string()),
            event.actor.as_ref().map_or_else(none, ToString::to_string),
        ]
    };
    let rows: Vec<_> = [heading].into_iter().chain(events.iter().map(row)).collect();
    aligned(&rows, &[0, 1, 2, 3, 4, 5])
}

/// The account concerned: a user's, a service account's, or a subscription.
fn concerned(event: &Event) -> String {
    let service = event.service_account_id.map(|id| format!("service:{id}"));
    let subscription = event.subscription_id.map(|id| format!("subscription:{id}"));
    event.user_id.map(|id| id.to_string()).or(service).or(subscription).unwrap_or_else(none)
}

fn none() -> String {
    "-".to_owned()
}

fn lines(events: &[Event]) -> String {
    let line = |event: &Event| {
        let data = json!({
            "id": event.id.to_string(),
            "at": date::micros(event.at),
            "event": event.kind.as_str(),
            "user_id": event.user_id.map(|id| id.to_string()),
            "session_id": event.session_id.map(|id| id.to_string()),
            "service_account_id": event.service_account_id.map(|id| id.to_string()),
            "subscription_id": event.subscription_id.map(|id| id.to_string()),
            "address": event.address,
            "actor": event.actor.as_ref().map(ToString::to_string),
        });
        format!("{data}\n")
    };
    events.iter().map(line).collect()
}
