//! How long events are kept.

use std::time::Duration;

use countersign::{
    app::{self, Environment},
    domain::{Event, EventKind},
};
use rstest::rstest;
use uuid::Uuid;

use super::events;
use crate::harness::{Backend, Database, clock::TestClock, server::config};

const DAY: Duration = Duration::from_secs(24 * 3600);

#[rstest]
#[tokio::test]
async fn events_are_kept_as_long_as_is_configured(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let (database, clock) = (Database::new(backend).await, TestClock::default());
    let mut config = config(&database);
    config.policy.event_retention = 7 * DAY;
    clock.stop();
    let time = Environment { clock: clock.clock(), ..Environment::default() };
    let janitor = app::parts(&config, &time).await.unwrap().janitor;
    let store = database.store().await;
    // More than are removed at a time.
    for _ in 0..501 {
        let event = Event {
            id: Uuid::now_v7(),
            kind: EventKind::LoginFailed,
            user_id: None,
            session_id: None,
            service_account_id: None,
            subscription_id: None,
            actor: None,
            address: None,
            at: clock.now(),
        };
        store.event_append(event, None).await.unwrap();
    }
    clock.advance(7 * DAY);
    assert_eq!(janitor.run().await.unwrap(), Some(0));
    clock.advance(Duration::from_micros(1));
    assert_eq!(janitor.run().await.unwrap(), Some(501));
    assert!(events(&database).await.is_empty());
}
