//! `countersign events`.

use std::time::Duration;

use countersign::{
    domain::{Actor, Event, EventKind, Timestamp},
    service::Clock,
};
use rstest::rstest;
use serde_json::Value;
use uuid::Uuid;

use crate::{
    harness::{Backend, Database, command::output},
    process::on,
};

const HOUR: Duration = Duration::from_secs(3600);

fn run(database: &Database, arguments: &[&str]) -> Result<String, String> {
    let arguments = [&["events"], arguments].concat();
    let (result, said) = output(on(database, &arguments));
    let printed = String::from_utf8(result.stdout).unwrap();
    if result.status.success() { Ok(printed) } else { Err(said) }
}

/// What is listed: each event's kind and user.
fn list(database: &Database, arguments: &[&str]) -> Vec<(String, Option<String>)> {
    let printed = run(database, &[&["--json"], arguments].concat()).unwrap();
    let read = |line: &str| serde_json::from_str::<Value>(line).unwrap();
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let events = printed.lines().map(read);
    events.map(|event| (text(&event["event"]).unwrap(), text(&event["user_id"]))).collect()
}

fn named(kind: EventKind, user_id: Option<Uuid>) -> (String, Option<String>) {
    (kind.as_str().to_owned(), user_id.map(|id| id.to_string()))
}

fn event(kind: EventKind, user_id: Option<Uuid>, at: Timestamp) -> Event {
    let address = Some([192, 0, 2, 1].into());
    let actor = Some(user_id.map_or(Actor::Nobody, Actor::User));
    Event {
        id: Uuid::now_v7(),
        kind,
        user_id,
        session_id: None,
        service_account_id: None,
        subscription_id: None,
        actor,
        address,
        at,
    }
}

#[rstest]
#[tokio::test]
async fn events_are_listed_by_user_kind_and_age_the_newest_last(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    use EventKind::{LoginFailed, Registered, UserDeleted, UsersImported};
    let database = Database::new(backend).await;
    database.store().await;
    let (result, said) = output(on(&database, &["seed", "--users=1", "--even-in-production"]));
    assert!(result.status.success(), "{said}");
    let store = database.store().await;
    let sample = countersign::domain::LoginName::parse("sample-1").unwrap();
    let sample = Some(store.user_by_login(&sample).await.unwrap().unwrap().user.id);
    let (gone, now) = (Some(Uuid::now_v7()), Clock::system().now());
    store.event_append(event(LoginFailed, None, now.minus(2 * HOUR)), None).await.unwrap();
    store.event_append(event(UserDeleted, gone, now.minus(3 * HOUR)), None).await.unwrap();
    store.event_append(event(Registered, sample, now), None).await.unwrap();

    let all = [
        named(UserDeleted, gone),
        named(LoginFailed, None),
        named(UsersImported, None),
        named(Registered, sample),
    ];
    assert_eq!(list(&database, &[]), all);
    assert_eq!(list(&database, &["--limit=2"]), all[2..]);
    assert_eq!(list(&database, &["--since=150m"]), all[1..]);
    assert_eq!(list(&database, &["--since=10000years"]), all);
    assert_eq!(list(&database, &["--kind=login_failed"]), all[1..2]);
    for name in ["sample-1", "SAMPLE-1", "sample-1@example.com"] {
        assert_eq!(list(&database, &["--user", name]), all[3..], "{name}");
    }
    let id = gone.unwrap().to_string();
    assert_eq!(list(&database, &["--user", &id]), all[..1]);
}

#[rstest]
#[tokio::test]
async fn an_unknown_user_or_kind_is_an_error_that_says_so(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let database = Database::new(backend).await;
    database.store().await;
    let said = run(&database, &["--user=nobody"]).unwrap_err();
    assert!(said.contains("there is no user with the name or the address \"nobody\""), "{said}");
    let said = run(&database, &["--kind=login"]).unwrap_err();
    assert!(said.contains("login_succeeded, login_failed"), "{said}");
    let said = run(&database, &["--since=yesterday"]).unwrap_err();
    assert!(said.contains("--since"), "{said}");
}

#[tokio::test]
async fn the_table_lines_up_and_times_are_in_utc() {
    let database = Database::new(Backend::Sqlite).await;
    let store = database.store().await;
    let at = Timestamp::from_unix_micros(1_800_000_000_123_456);
    let (user_id, session_id) = (Some(Uuid::now_v7()), Some(Uuid::now_v7()));
    let failed = event(EventKind::LoginFailed, None, at);
    let revoked = Event { session_id, ..event(EventKind::SessionRevoked, user_id, at.plus(HOUR)) };
    for event in [failed, revoked.clone()] {
        store.event_append(event, None).await.unwrap();
    }
    let (user, session) = (user_id.unwrap().to_string(), session_id.unwrap().to_string());
    let (heading, none) =
        (format!("{:38}{:38}", "account", "session"), format!("{:38}{:38}", "-", "-"));
    let expected = format!(
        "at                    event            {heading}address    actor\n\
         2027-01-15T08:00:00Z  login_failed     {none}192.0.2.1  nobody\n\
         2027-01-15T09:00:00Z  session_revoked  {user}  {session}  192.0.2.1  user:{user}\n"
    );
    assert_eq!(run(&database, &[]).unwrap(), expected);
    let json = run(&database, &["--json", "--limit=1"]).unwrap();
    let expected = serde_json::json!({
        "id": revoked.id.to_string(),
        "at": "2027-01-15T09:00:00.123456Z",
        "event": "session_revoked",
        "user_id": user,
        "session_id": session,
        "service_account_id": null,
        "subscription_id": null,
        "address": "192.0.2.1",
        "actor": format!("user:{user}"),
    });
    assert_eq!(json, format!("{expected}\n"));
}
