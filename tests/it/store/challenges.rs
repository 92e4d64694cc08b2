//! Challenges.

use countersign::{
    domain::Challenge,
    store::{CodeRules, Renewal, Reservation, ReservedChallenge, Spending},
};
use rstest::rstest;
use rstest_reuse::apply;
use uuid::Uuid;

use super::{
    KNOWN_DEVICE, NO_FAILURES, NO_LIMIT, at, new_challenge, new_message, session_of, stored_user,
};
use crate::harness::{Backend, Database, on_both};

const MAX: u32 = 3;

fn rules(seconds: u64) -> CodeRules {
    let (now, next_resend_at) = (at(seconds), at(seconds + 30));
    CodeRules { now, next_resend_at, max_attempts: MAX, is_long_code: false, carried_out: None }
}

#[apply(on_both)]
#[tokio::test]
async fn attempts_are_spent_one_by_one_until_there_are_none(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let new = new_challenge(&stored_user(store.as_ref()).await);
    store.challenge_create(new.clone(), Some(new_message())).await.unwrap();
    let late = store.challenge_reserve(new.id_mac, MAX, at(300)).await.unwrap();
    assert_eq!(late, Reservation::Invalid, "expired, and no attempt spent");
    for attempts in 1..=MAX {
        let expected = Reservation::Reserved(ReservedChallenge {
            challenge: Challenge { attempts, ..new.challenge.clone() },
            code_mac: new.code_mac,
        });
        assert_eq!(store.challenge_reserve(new.id_mac, MAX, at(299)).await.unwrap(), expected);
    }
    let reserve = |id_mac, seconds| store.challenge_reserve(id_mac, MAX, at(seconds));
    assert_eq!(reserve(new.id_mac, 299).await.unwrap(), Reservation::Exhausted);
    assert_eq!(reserve(new.id_mac, 300).await.unwrap(), Reservation::Invalid, "expired");
    assert_eq!(reserve([9; 32], 0).await.unwrap(), Reservation::Invalid, "unknown");
}

#[apply(on_both)]
#[tokio::test]
async fn an_account_that_is_gone_or_has_changed_begins_no_challenge_and_is_sent_nothing(
    backend: Backend,
) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let user = stored_user(store.as_ref()).await;
    let create = async |user_id, credential_version| {
        let mut new = new_challenge(&user);
        (new.challenge.user_id, new.challenge.credential_version) = (user_id, credential_version);
        let begun = store.challenge_create(new, Some(new_message())).await.unwrap();
        for table in ["challenges", "outbox", "events WHERE kind = 'challenge_begun'"] {
            let rows = database.number(&format!("SELECT COUNT(*) FROM {table}")).await;
            assert_eq!(rows, i64::from(begun), "{table}");
        }
        begun
    };
    assert!(!create(Uuid::now_v7(), 1).await, "nobody");
    assert!(!create(user.user.id, 2).await, "other credentials");
    database.run("UPDATE users SET disabled_at = created_at").await;
    assert!(!create(user.user.id, 1).await, "disabled");
    database.run("UPDATE users SET disabled_at = NULL").await;
    assert!(create(user.user.id, 1).await);
}

/// What the user's row says decides, and no row of the challenges is written.
#[apply(on_both)]
#[case::disabled("disabled_at = created_at", "disabled_at = NULL")]
#[case::new_credentials("credential_version = 2", "credential_version = 1")]
#[case::new_factors("factor_version = 1", "factor_version = 0")]
#[tokio::test]
async fn a_challenge_of_an_account_that_has_changed_is_void_in_every_way(
    #[case] change: &str,
    #[case] back: &str,
    backend: Backend,
) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let new = new_challenge(&stored_user(store.as_ref()).await);
    store.challenge_create(new.clone(), Some(new_message())).await.unwrap();
    let works = async |seconds| {
        let found = store.challenge_find(new.id_mac).await.unwrap();
        let reserved = store.challenge_reserve(new.id_mac, MAX, at(0)).await.unwrap();
        let renewed = store.challenge_renew(new.id_mac, [2; 32], rules(seconds), new_message());
        let renewed = renewed.await.unwrap();
        [found.is_some(), reserved != Reservation::Invalid, renewed != Renewal::Invalid]
    };
    database.run(&format!("UPDATE users SET {change}")).await;
    assert_eq!(works(30).await, [false; 3]);
    let session = session_of(new.challenge.user_id);
    let complete = async || {
        let (challenge, session) = (new.challenge.clone(), session.clone());
        let done = store.challenge_complete(
            challenge,
            session,
            Spending::SentCode,
            NO_FAILURES,
            NO_LIMIT,
            KNOWN_DEVICE,
        );
        done.await.unwrap().is_some()
    };
    assert!(!complete().await);
    database.run(&format!("UPDATE users SET {back}")).await;
    assert_eq!(works(30).await, [true; 3]);
    assert!(complete().await, "it was not used up");
}

#[apply(on_both)]
#[tokio::test]
async fn a_challenge_is_completed_once_and_with_its_session(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let new = new_challenge(&stored_user(store.as_ref()).await);
    let challenge = new.challenge.clone();
    store.challenge_create(new.clone(), Some(new_message())).await.unwrap();
    assert!(
        store
            .challenge_complete(
                challenge.clone(),
                session_of(challenge.user_id),
                Spending::SentCode,
                NO_FAILURES,
                NO_LIMIT,
                KNOWN_DEVICE
            )
            .await
            .unwrap()
            .is_some()
    );
    assert!(
        store
            .challenge_complete(
                challenge.clone(),
                session_of(challenge.user_id),
                Spending::SentCode,
                NO_FAILURES,
                NO_LIMIT,
                KNOWN_DEVICE
            )
            .await
            .unwrap()
            .is_none()
    );
    assert_eq!(database.number("SELECT COUNT(*) FROM sessions").await, 1);
    let reserved = store.challenge_reserve(new.id_mac, MAX, at(0)).await.unwrap();
    assert_eq!(reserved, Reservation::Invalid);
    assert_eq!(
        store.challenge_renew(new.id_mac, [2; 32], rules(30), new_message()).await.unwrap(),
        Renewal::Invalid
    );
}

#[apply(on_both)]
#[case::disabled("disabled_at = created_at")]
#[case::new_credentials("credential_version = 2")]
#[tokio::test]
async fn no_session_begins_for_a_user_who_has_changed_since(
    #[case] change: &str,
    backend: Backend,
) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let new = new_challenge(&stored_user(store.as_ref()).await);
    store.challenge_create(new.clone(), Some(new_message())).await.unwrap();
    database.run(&format!("UPDATE users SET {change}")).await;
    let renewed =
        store.challenge_renew(new.id_mac, [2; 32], rules(30), new_message()).await.unwrap();
    assert_eq!(renewed, Renewal::Invalid);
    assert!(
        store
            .challenge_complete(
                new.challenge.clone(),
                session_of(new.challenge.user_id),
                Spending::SentCode,
                NO_FAILURES,
                NO_LIMIT,
                KNOWN_DEVICE
            )
            .await
            .unwrap()
            .is_none()
    );
    assert_eq!(database.number("SELECT COUNT(*) FROM sessions").await, 0);
}

#[apply(on_both)]
#[tokio::test]
async fn a_code_is_replaced_after_the_cool_down_while_attempts_are_left(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let user = stored_user(store.as_ref()).await;
    let new = new_challenge(&user);
    store.challenge_create(new.clone(), Some(new_message())).await.unwrap();
    let renew = |seconds| store.challenge_renew(new.id_mac, [2; 32], rules(seconds), new_message());
    assert_eq!(renew(300).await.unwrap(), Renewal::Invalid, "expired");
    assert_eq!(renew(29).await.unwrap(), Renewal::TooEarly(at(30)));
    let challenge = Challenge { resend_at: at(60), ..new.challenge.clone() };
    assert_eq!(renew(30).await.unwrap(), Renewal::Renewed(challenge));
    let reserve = async || match store.challenge_reserve(new.id_mac, MAX, at(31)).await.unwrap() {
        Reservation::Reserved(reserved) => (reserved.challenge.attempts, reserved.code_mac),
        refused @ (Reservation::Exhausted | Reservation::Invalid) => {
            panic!("not reserved: {refused:?}")
        }
    };
    assert_eq!(reserve().await, (1, [2; 32]));
    let Renewal::Renewed(renewed) = renew(60).await.unwrap() else { panic!("not renewed") };
    assert_eq!(renewed.attempts, 1, "what is spent stays spent");
    assert_eq!(reserve().await.0, 2);
    assert_eq!(reserve().await.0, MAX);
    assert_eq!(renew(90).await.unwrap(), Renewal::Exhausted);
    assert_eq!(renew(300).await.unwrap(), Renewal::Invalid, "expired");
    let unknown = store.challenge_renew([9; 32], [2; 32], rules(30), new_message()).await.unwrap();
    assert_eq!(unknown, Renewal::Invalid);
}

#[apply(on_both)]
#[tokio::test]
async fn a_code_that_counts_has_its_message_and_one_that_does_not_has_none(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let new = new_challenge(&stored_user(store.as_ref()).await);
    let waiting = async || store.outbox_state(at(0)).await.unwrap().waiting;
    let mut nobodys = new.clone();
    nobodys.challenge.user_id = Uuid::now_v7();
    assert!(!store.challenge_create(nobodys, Some(new_message())).await.unwrap());
    assert_eq!(waiting().await, 0);
    store.challenge_create(new.clone(), Some(new_message())).await.unwrap();
    assert_eq!(waiting().await, 1);
    let renew =
        |seconds, message| store.challenge_renew(new.id_mac, [2; 32], rules(seconds), message);
    assert!(matches!(renew(29, new_message()).await, Ok(Renewal::TooEarly(_))));
    assert!(matches!(renew(300, new_message()).await, Ok(Renewal::Invalid)));
    assert_eq!(waiting().await, 1);
    let message = new_message();
    assert!(matches!(renew(30, message.clone()).await, Ok(Renewal::Renewed(_))));
    assert_eq!(waiting().await, 2);
    // Without its message, a code would not count: nobody would ever learn of it.
    assert!(renew(60, message).await.is_err());
    let challenge = store.challenge_find(new.id_mac).await.unwrap().unwrap().0;
    assert_eq!(challenge.resend_at, at(60), "the renewal was rolled back");
}

/// A clock that was ahead began it, or sent its last code; or another cool-down was configured.
#[apply(on_both)]
#[case::by_as_much_as_clocks_may_be_apart(150, false)]
#[case::by_more(151, true)]
#[tokio::test]
async fn a_cool_down_that_ends_later_than_one_can_is_over(
    #[case] resend_at: u64,
    #[case] is_over: bool,
    backend: Backend,
) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let mut new = new_challenge(&stored_user(store.as_ref()).await);
    new.challenge.resend_at = at(resend_at);
    store.challenge_create(new.clone(), None).await.unwrap();
    let renew = |seconds| store.challenge_renew(new.id_mac, [2; 32], rules(seconds), new_message());
    let renewed = renew(0).await.unwrap();
    assert_eq!(matches!(renewed, Renewal::Renewed(_)), is_over, "{renewed:?}");
    let again = if is_over { at(30) } else { at(resend_at) };
    assert_eq!(renew(1).await.unwrap(), Renewal::TooEarly(again));
}

#[apply(on_both)]
#[tokio::test]
async fn a_challenge_is_found_with_its_user(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let user = stored_user(store.as_ref()).await;
    let new = new_challenge(&user);
    store.challenge_create(new.clone(), Some(new_message())).await.unwrap();
    let found = store.challenge_find(new.id_mac).await.unwrap();
    assert_eq!(found, Some((new.challenge, user.user)));
    assert_eq!(store.challenge_find([9; 32]).await.unwrap(), None);
}
