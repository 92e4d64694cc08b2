//! Counted attempts.

use countersign::{
    domain::{Charged, ThrottleRule},
    store::{Admission, Charge, Ended, Settled, Store},
};
use futures_util::future::join_all;
use rstest::rstest;
use rstest_reuse::apply;

use super::{KNOWN_DEVICE, NO_LIMIT, at, session_of, stored_user};
use crate::harness::{Backend, Database, on_both};

const KEY: [u8; 32] = [1; 32];

fn of(key: u8, rule: ThrottleRule) -> Charge {
    Charge { key: [key; 32], rule }
}

async fn charge(store: &dyn Store, rule: ThrottleRule, seconds: u64) -> Charged {
    match store.throttle_charge(vec![of(1, rule)], at(seconds)).await.unwrap() {
        Admission::Charged(charged) => charged[0],
        refused @ Admission::Refused { .. } => panic!("{refused:?}"),
    }
}

/// As where all limits are off.
#[apply(on_both)]
#[tokio::test]
async fn what_counts_against_nothing_is_let_through(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let charged = store.throttle_charge(Vec::new(), at(0)).await.unwrap();
    assert_eq!(charged, Admission::Charged(Vec::new()));
    assert!(store.throttle_admits(Vec::new(), at(0)).await.unwrap());
    store.throttle_settle(Settled::default()).await.unwrap();
    assert_eq!(database.number("SELECT COUNT(*) FROM throttles").await, 0);
}

/// What a success settles of the budget that `charge` charges.
fn forgotten(successes: u32) -> Settled {
    Settled { forget: vec![(KEY, successes)], ..Settled::default() }
}

fn given_back(rule: ThrottleRule, charged: Option<Charged>) -> Settled {
    Settled { give_back: vec![(of(1, rule), charged)], ..Settled::default() }
}

#[apply(on_both)]
#[tokio::test]
async fn attempts_add_up_until_they_are_refused_forgotten_or_expired(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let (store, rule) = (store.as_ref(), ThrottleRule::Passwords);
    assert_eq!(charge(store, rule, 0).await, rule.charge(None, at(0)).unwrap());
    for failures in 2..=5 {
        assert_eq!(charge(store, rule, 0).await.after.failures, failures);
    }
    let refused = store.throttle_charge(vec![of(1, rule)], at(0)).await.unwrap();
    assert_eq!(refused, Admission::Refused { rule, until: at(1) });
    let other = store.throttle_charge(vec![of(2, rule)], at(0)).await.unwrap();
    assert_eq!(other, Admission::Charged(vec![rule.charge(None, at(0)).unwrap()]));
    let sixth = charge(store, rule, 1).await;
    assert_eq!((sixth.before.unwrap().failures, sixth.after.failures), (5, 6));
    store.throttle_settle(forgotten(0)).await.unwrap();
    assert_eq!(charge(store, rule, 1).await.before, None);
    let a_day_later = 24 * 60 * 60 + 1;
    assert_eq!(charge(store, rule, a_day_later).await.before, None, "expired");
}

#[apply(on_both)]
#[tokio::test]
async fn a_session_that_begins_ends_the_row_of_failures_and_one_that_does_not_leaves_it(
    backend: Backend,
) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let user = stored_user(store.as_ref()).await;
    let rule = ThrottleRule::Passwords;
    charge(store.as_ref(), rule, 0).await;
    store.throttle_charge(vec![of(2, rule)], at(0)).await.unwrap();
    let begin = |version| {
        store.session_create(
            session_of(user.user.id),
            version,
            forgotten(1),
            NO_LIMIT,
            KNOWN_DEVICE,
        )
    };
    assert!(begin(2).await.unwrap().is_none());
    assert_eq!(charge(store.as_ref(), rule, 0).await.after.failures, 2);
    assert!(begin(1).await.unwrap().is_some());
    assert_eq!(charge(store.as_ref(), rule, 0).await.before, None);
    assert_eq!(database.number("SELECT COUNT(*) FROM throttles").await, 2, "only its own");
}

/// Its own attempt is the hundredth that is counted, and did not fail.
#[apply(on_both)]
#[tokio::test]
async fn a_login_after_ninety_nine_failures_ends_the_row_and_one_after_a_hundred_does_not(
    backend: Backend,
    #[values(99, 100)] failures: u32,
) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let user = stored_user(store.as_ref()).await;
    let (rule, a_minute) = (ThrottleRule::Passwords, 61);
    for number in 0..=failures {
        charge(store.as_ref(), rule, u64::from(number) * a_minute).await;
    }
    let session = session_of(user.user.id);
    let begun =
        store.session_create(session, 1, forgotten(1), NO_LIMIT, KNOWN_DEVICE).await.unwrap();
    assert!(begun.is_some());
    let next = charge(store.as_ref(), rule, 200 * a_minute).await;
    assert_eq!(next.before.is_none(), failures < 100, "{next:?}");
}

#[apply(on_both)]
#[tokio::test]
async fn what_is_taken_back_leaves_what_others_were_charged_with(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let (store, rule) = (store.as_ref(), ThrottleRule::Codes);
    let (first, second) = (charge(store, rule, 0).await, charge(store, rule, 1).await);
    store.throttle_settle(given_back(rule, Some(second))).await.unwrap();
    assert_eq!(charge(store, rule, 2).await.before, Some(first.after), "as before the second");
    store.throttle_settle(given_back(rule, Some(first))).await.unwrap();
    let left = charge(store, rule, 3).await.before.unwrap();
    assert_eq!((left.failures, left.last_at), (1, at(2)));
    store.throttle_settle(forgotten(0)).await.unwrap();
    store.throttle_settle(given_back(rule, Some(first))).await.unwrap();
    assert_eq!(database.number("SELECT COUNT(*) FROM throttles").await, 0);
    charge(store, rule, 4).await;
    store.throttle_settle(given_back(rule, None)).await.unwrap();
    assert_eq!(database.number("SELECT COUNT(*) FROM throttles").await, 0);
}

#[apply(on_both)]
#[tokio::test]
async fn of_many_attempts_at_once_no_more_are_let_through_than_there_are(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let attempts = (0..100).map(|_| store.throttle_charge(vec![of(1, ThrottleRule::Codes)], at(0)));
    let answers: Vec<_> = join_all(attempts).await.into_iter().map(Result::unwrap).collect();
    let charged = answers.iter().filter(|answer| matches!(answer, Admission::Charged(_)));
    assert_eq!(charged.count(), 20);
    assert_eq!(database.number("SELECT CAST(failures AS BIGINT) FROM throttles").await, 20);
}

#[apply(on_both)]
#[tokio::test]
async fn what_has_expired_is_deleted_some_at_a_time(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    for key in 0..5 {
        store.throttle_charge(vec![of(key, ThrottleRule::Codes)], at(0)).await.unwrap();
    }
    store.throttle_charge(vec![of(9, ThrottleRule::Codes)], at(1)).await.unwrap();
    let remove = async |before| store.ended_remove(Ended::Throttles, at(before), 3).await.unwrap();
    assert_eq!(remove(3600).await, 0);
    assert_eq!([remove(3601).await, remove(3601).await, remove(3601).await], [3, 2, 0]);
    assert_eq!(database.number("SELECT COUNT(*) FROM throttles").await, 1);
}

#[apply(on_both)]
#[tokio::test]
async fn all_budgets_are_charged_or_none_and_the_first_that_refuses_is_named(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let (wide, narrow) = (of(1, ThrottleRule::Codes), of(2, ThrottleRule::Hourly(2)));
    let both = || vec![wide, narrow];
    for count in 1..=2 {
        let Admission::Charged(charged) = store.throttle_charge(both(), at(0)).await.unwrap()
        else {
            panic!("refused")
        };
        assert_eq!(charged.iter().map(|one| one.after.failures).collect::<Vec<_>>(), [count; 2]);
    }
    assert!(store.throttle_admits(vec![wide], at(0)).await.unwrap());
    assert!(!store.throttle_admits(both(), at(0)).await.unwrap());
    let refused = store.throttle_charge(both(), at(0)).await.unwrap();
    assert_eq!(refused, Admission::Refused { rule: narrow.rule, until: at(3600) });
    assert_eq!(charge(store.as_ref(), wide.rule, 0).await.after.failures, 3, "not charged");
    store
        .throttle_settle(Settled { give_back: vec![(narrow, None)], ..Settled::default() })
        .await
        .unwrap();
    assert!(store.throttle_admits(both(), at(0)).await.unwrap());
}

/// Transactions that took rows in the order in which they are named would wait for each other: a deadlock.
#[apply(on_both)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn attempts_that_name_the_same_budgets_in_any_order_all_succeed(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let rule = ThrottleRule::Rate(1_000_000);
    let attempts = (0..64_u8).map(|number| {
        let mut charges: Vec<_> = (0..6).map(|key| of(key, rule)).collect();
        charges.rotate_left(usize::from(number) % 6);
        store.throttle_charge(charges, at(0))
    });
    for answer in join_all(attempts).await {
        assert!(matches!(answer.unwrap(), Admission::Charged(_)));
    }
    assert_eq!(database.number("SELECT CAST(MIN(failures) AS BIGINT) FROM throttles").await, 64);
}
