//! Counted attempts.

use countersign::{
    domain::{Charged, ThrottleRule},
    store::{Admission, Ended, Store},
};
use futures_util::future::join_all;
use rstest::rstest;

use super::{at, session_of, stored_user};
use crate::harness::{Backend, Database};

const KEY: [u8; 32] = [1; 32];

async fn charge(store: &dyn Store, rule: ThrottleRule, seconds: u64) -> Charged {
    match store.throttle_charge(KEY, rule, at(seconds)).await.unwrap() {
        Admission::Charged(charged) => charged,
        Admission::Refused(until) => panic!("refused until {until:?}"),
    }
}

#[rstest]
#[tokio::test]
async fn attempts_add_up_until_they_are_refused_forgotten_or_expired(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let (store, rule) = (store.as_ref(), ThrottleRule::Passwords);
    assert_eq!(charge(store, rule, 0).await, rule.charge(None, at(0)).unwrap());
    for failures in 2..=5 {
        assert_eq!(charge(store, rule, 0).await.after.failures, failures);
    }
    let refused = store.throttle_charge(KEY, rule, at(0)).await.unwrap();
    assert_eq!(refused, Admission::Refused(at(1)));
    assert!(matches!(
        store.throttle_charge([2; 32], rule, at(0)).await.unwrap(),
        Admission::Charged(Charged { before: None, .. })
    ));
    let sixth = charge(store, rule, 1).await;
    assert_eq!((sixth.before.unwrap().failures, sixth.after.failures), (5, 6));
    store.throttle_forget(KEY).await.unwrap();
    assert_eq!(charge(store, rule, 1).await.before, None);
    let a_day_later = 24 * 60 * 60 + 1;
    assert_eq!(charge(store, rule, a_day_later).await.before, None, "expired");
}

#[rstest]
#[tokio::test]
async fn a_session_that_begins_ends_the_row_of_failures_and_one_that_does_not_leaves_it(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let user = stored_user(store.as_ref()).await;
    let rule = ThrottleRule::Passwords;
    charge(store.as_ref(), rule, 0).await;
    store.throttle_charge([2; 32], rule, at(0)).await.unwrap();
    let begin = |version| store.session_create(session_of(user.user.id), version, KEY);
    assert!(!begin(2).await.unwrap());
    assert_eq!(charge(store.as_ref(), rule, 0).await.after.failures, 2);
    assert!(begin(1).await.unwrap());
    assert_eq!(charge(store.as_ref(), rule, 0).await.before, None);
    assert_eq!(database.number("SELECT COUNT(*) FROM throttles").await, 2, "only its own");
}

/// Its own attempt is the hundredth that is counted, and did not fail.
#[rstest]
#[tokio::test]
async fn a_login_after_ninety_nine_failures_ends_the_row_and_one_after_a_hundred_does_not(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
    #[values(99, 100)] failures: u32,
) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let user = stored_user(store.as_ref()).await;
    let (rule, a_minute) = (ThrottleRule::Passwords, 61);
    for number in 0..=failures {
        charge(store.as_ref(), rule, u64::from(number) * a_minute).await;
    }
    assert!(store.session_create(session_of(user.user.id), 1, KEY).await.unwrap());
    let next = charge(store.as_ref(), rule, 200 * a_minute).await;
    assert_eq!(next.before.is_none(), failures < 100, "{next:?}");
}

#[rstest]
#[tokio::test]
async fn what_is_taken_back_leaves_what_others_were_charged_with(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let (store, rule) = (store.as_ref(), ThrottleRule::Codes);
    let (first, second) = (charge(store, rule, 0).await, charge(store, rule, 1).await);
    store.throttle_take_back(KEY, rule, second).await.unwrap();
    assert_eq!(charge(store, rule, 2).await.before, Some(first.after), "as before the second");
    store.throttle_take_back(KEY, rule, first).await.unwrap();
    let left = charge(store, rule, 3).await.before.unwrap();
    assert_eq!((left.failures, left.last_at), (1, at(2)));
    store.throttle_forget(KEY).await.unwrap();
    store.throttle_take_back(KEY, rule, first).await.unwrap();
    assert_eq!(database.number("SELECT COUNT(*) FROM throttles").await, 0);
    let only = charge(store, rule, 4).await;
    store.throttle_take_back(KEY, rule, only).await.unwrap();
    assert_eq!(database.number("SELECT COUNT(*) FROM throttles").await, 0);
}

#[rstest]
#[tokio::test]
async fn of_many_attempts_at_once_no_more_are_let_through_than_there_are(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let attempts = (0..100).map(|_| store.throttle_charge(KEY, ThrottleRule::Codes, at(0)));
    let answers: Vec<_> = join_all(attempts).await.into_iter().map(Result::unwrap).collect();
    let charged = answers.iter().filter(|answer| matches!(answer, Admission::Charged(_)));
    assert_eq!(charged.count(), 20);
    assert_eq!(database.number("SELECT CAST(failures AS BIGINT) FROM throttles").await, 20);
}

#[rstest]
#[tokio::test]
async fn what_has_expired_is_deleted_some_at_a_time(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    for key in 0..5 {
        store.throttle_charge([key; 32], ThrottleRule::Codes, at(0)).await.unwrap();
    }
    store.throttle_charge([9; 32], ThrottleRule::Codes, at(1)).await.unwrap();
    let remove = async |before| store.ended_remove(Ended::Throttles, at(before), 3).await.unwrap();
    assert_eq!(remove(3600).await, 0);
    assert_eq!([remove(3601).await, remove(3601).await, remove(3601).await], [3, 2, 0]);
    assert_eq!(database.number("SELECT COUNT(*) FROM throttles").await, 1);
}
