//! Logins on devices that an account does not know.

use countersign::{
    domain::{Session, ThrottleRule},
    store::{BoundedNotice, Charge, LoginDevice, Store, UnknownDevice},
};
use rstest::rstest;
use rstest_reuse::apply;
use uuid::Uuid;

use super::{NO_FAILURES, NO_LIMIT, at, new_message, session_of, stored_user};
use crate::harness::{Backend, Database, on_both};

const DAY: u64 = 24 * 60 * 60;

/// A device of which the owner is told, as long as the mailbox has room.
fn unknown(most: u32) -> LoginDevice {
    let charges = vec![Charge { key: [7; 32], rule: ThrottleRule::Hourly(most) }];
    let notice = Some(BoundedNotice { message: new_message(), charges });
    of(UnknownDevice { notice })
}

fn of(unknown: UnknownDevice) -> LoginDevice {
    LoginDevice { unknown: Some(Box::new(unknown)), ..LoginDevice::KNOWN }
}

async fn log_in(store: &dyn Store, user: Uuid, seconds: u64, device: LoginDevice) {
    let created_at = at(seconds);
    let session = Session { created_at, ..session_of(user) };
    let begun = store.session_create(session, 1, NO_FAILURES, NO_LIMIT, device).await;
    assert!(begun.unwrap().is_some());
}

/// Messages, and events.
async fn told(database: &Database) -> [i64; 2] {
    let events = "SELECT COUNT(*) FROM events WHERE kind = 'new_device_login'";
    [database.number("SELECT COUNT(*) FROM outbox").await, database.number(events).await]
}

#[apply(on_both)]
#[tokio::test]
async fn the_first_login_is_counted_and_not_told(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let user = stored_user(store.as_ref()).await.user.id;
    log_in(store.as_ref(), user, 0, unknown(60)).await;
    assert_eq!(told(&database).await, [0, 0]);
    log_in(store.as_ref(), user, 1, LoginDevice::KNOWN).await;
    assert_eq!(told(&database).await, [0, 0]);
    log_in(store.as_ref(), user, 2, unknown(60)).await;
    assert_eq!(told(&database).await, [1, 1]);
    let untold = of(UnknownDevice { notice: None });
    log_in(store.as_ref(), user, 3, untold).await;
    assert_eq!(told(&database).await, [1, 2]);
}

#[apply(on_both)]
#[tokio::test]
async fn a_day_has_ten_and_begins_with_the_first(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let user = stored_user(store.as_ref()).await.user.id;
    log_in(store.as_ref(), user, 0, LoginDevice::KNOWN).await;
    for number in 0..12 {
        log_in(store.as_ref(), user, 10 + number, unknown(60)).await;
    }
    assert_eq!(told(&database).await, [10, 12]);
    log_in(store.as_ref(), user, 9 + DAY, unknown(60)).await;
    assert_eq!(told(&database).await, [10, 13]);
    log_in(store.as_ref(), user, 10 + DAY, unknown(60)).await;
    assert_eq!(told(&database).await, [11, 14]);
}

/// Nobody is silent for long because a clock was ahead, or set back.
#[apply(on_both)]
#[tokio::test]
async fn a_day_that_a_clock_ahead_began_is_over(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let user = stored_user(store.as_ref()).await.user.id;
    log_in(store.as_ref(), user, 0, LoginDevice::KNOWN).await;
    for _ in 0..12 {
        log_in(store.as_ref(), user, 100 * DAY, unknown(60)).await;
    }
    assert_eq!(told(&database).await, [10, 12]);
    database.run("DELETE FROM throttles").await;
    log_in(store.as_ref(), user, 10, unknown(60)).await;
    assert_eq!(told(&database).await, [11, 13]);
}

#[apply(on_both)]
#[tokio::test]
async fn a_mailbox_that_has_had_enough_gets_none(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    for user in [stored_user(store.as_ref()).await, stored_user(store.as_ref()).await] {
        for seconds in 0..3 {
            log_in(store.as_ref(), user.user.id, seconds, unknown(3)).await;
        }
    }
    assert_eq!(told(&database).await, [3, 4], "three of both accounts together");
}

/// A login that is not completed, in the end, tells nothing and counts nothing.
#[apply(on_both)]
#[tokio::test]
async fn a_login_that_does_not_begin_tells_nothing(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let user = stored_user(store.as_ref()).await.user.id;
    log_in(store.as_ref(), user, 0, LoginDevice::KNOWN).await;
    let late = store.session_create(session_of(user), 2, NO_FAILURES, NO_LIMIT, unknown(60)).await;
    assert!(late.unwrap().is_none());
    assert_eq!(told(&database).await, [0, 0]);
    let counted =
        "SELECT COUNT(*) FROM users WHERE new_devices > 0 OR new_devices_since IS NOT NULL";
    assert_eq!(database.number(counted).await, 0);
}
