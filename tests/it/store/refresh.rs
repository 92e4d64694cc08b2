//! Refreshes: a session moves on to its next refresh token, or ends.

use std::time::Duration;

use countersign::{
    domain::{Session, ThrottleRule},
    store::{BoundedNotice, Charge, PasswordChange, Refresh, Refreshed, Revoking, Store},
};
use rstest::rstest;
use rstest_reuse::apply;
use uuid::Uuid;

use super::{
    KNOWN_DEVICE, NO_FAILURES, NO_LIMIT, at, new_message, revoking, session_of, stored_user,
};
use crate::harness::{Backend, Database, on_both};

/// One a day, for each number.
fn charges(key: u8) -> Vec<Charge> {
    let day = Duration::from_secs(24 * 60 * 60);
    vec![Charge { key: [key; 32], rule: ThrottleRule::CoolDown(day) }]
}

pub(super) fn refresh(session: &Session, number: i64, seconds: u64) -> Refresh {
    Refresh {
        session_id: session.id,
        number,
        request_id: None,
        repeat_within: Duration::from_secs(10),
        grace: Duration::ZERO,
        idle_expires_at: at(seconds + 500),
        latest_end: at(seconds + 900_000),
        at: Revoking { address: Some([192, 0, 2, 7].into()), ..revoking(seconds) },
        notice: Some(BoundedNotice { message: new_message(), charges: charges(7) }),
    }
}

async fn stored_session(store: &dyn Store) -> Session {
    let session = session_of(stored_user(store).await.user.id);
    assert!(
        store
            .session_create(session.clone(), 1, NO_FAILURES, NO_LIMIT, KNOWN_DEVICE)
            .await
            .unwrap()
            .is_some()
    );
    session
}

#[apply(on_both)]
#[tokio::test]
async fn a_session_moves_on_to_the_next_number_and_lives_longer(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let session = stored_session(store.as_ref()).await;
    for number in 0_i64..3 {
        let seconds = 100 * (number.unsigned_abs() + 1);
        let refreshed = store.session_refresh(refresh(&session, number, seconds)).await.unwrap();
        let Refreshed::Live(live) = refreshed else { panic!("{refreshed:?}") };
        let expected = Session {
            token_number: number + 1,
            last_used_at: at(seconds),
            idle_expires_at: at(seconds + 500),
            address: Some([192, 0, 2, 7].into()),
            ..session.clone()
        };
        assert_eq!(live.session, expected);
        assert_eq!(store.session_find(session.id).await.unwrap(), Some(expected));
    }
    assert_eq!(database.number("SELECT COUNT(*) FROM revocations").await, 0);
}

/// One number is too low (spent), the other too high: the database is older than the token, from a backup.
#[apply(on_both)]
#[tokio::test]
async fn any_other_number_ends_the_session_and_is_told(
    backend: Backend,
    #[values(0, 2)] other: i64,
) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let session = stored_session(store.as_ref()).await;
    store.session_refresh(refresh(&session, 0, 1)).await.unwrap();
    let reused = store.session_refresh(refresh(&session, other, 2)).await.unwrap();
    assert!(matches!(reused, Refreshed::Reused), "{reused:?}");
    assert!(store.session_live(session.id, at(3)).await.unwrap().is_none());
    for number in 0..3 {
        let ended = store.session_refresh(refresh(&session, number, 3)).await.unwrap();
        assert!(matches!(ended, Refreshed::Ended), "{ended:?}");
    }
    assert_eq!(database.number("SELECT seq FROM revocations").await, 1);
}

#[apply(on_both)]
#[tokio::test]
async fn without_a_message_to_the_owner_no_session_ends(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let user = stored_user(store.as_ref()).await.user;
    let session = session_of(user.id);
    assert!(
        store
            .session_create(session.clone(), 1, NO_FAILURES, NO_LIMIT, KNOWN_DEVICE)
            .await
            .unwrap()
            .is_some()
    );
    store.session_refresh(refresh(&session, 0, 1)).await.unwrap();
    let before = store.session_find(session.id).await.unwrap();
    let events = database.number("SELECT COUNT(*) FROM events").await;
    let silent = Refresh { notice: None, ..refresh(&session, 0, 2) };
    let stale = store.session_refresh(silent.clone()).await.unwrap();
    assert!(matches!(&stale, Refreshed::Stale(found) if **found == user), "{stale:?}");
    assert_eq!(store.session_find(session.id).await.unwrap(), before);
    assert!(store.session_live(session.id, at(3)).await.unwrap().is_some());
    assert_eq!(database.number("SELECT COUNT(*) FROM revocations").await, 0);
    assert_eq!(database.number("SELECT COUNT(*) FROM events").await, events);

    // Nor with one that can't be kept: the transaction is one.
    let kept = BoundedNotice { message: new_message(), charges: charges(8) };
    let other = stored_session(store.as_ref()).await;
    store.session_refresh(refresh(&other, 0, 1)).await.unwrap();
    let with = |session: &Session, notice: &BoundedNotice| Refresh {
        notice: Some(notice.clone()),
        ..refresh(session, 0, 2)
    };
    store.session_refresh(with(&other, &kept)).await.unwrap();
    let again = BoundedNotice { charges: charges(9), ..kept };
    assert!(store.session_refresh(with(&session, &again)).await.is_err());
    assert_eq!(store.session_find(session.id).await.unwrap(), before);
    assert!(store.session_live(session.id, at(3)).await.unwrap().is_some());
    assert_eq!(database.number("SELECT COUNT(*) FROM throttles").await, 1);
}

#[apply(on_both)]
#[tokio::test]
async fn the_message_to_the_owner_goes_with_the_end_and_once_a_day(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let user_id = stored_user(store.as_ref()).await.user.id;
    let (day, late) = (24 * 60 * 60, Session { expires_at: at(300_000), ..session_of(user_id) });
    for (seconds, throttle, messages) in
        [(1, 1, 1), (day, 1, 1), (day, 2, 2), (day + 1, 1, 3), (day + 2, 1, 3)]
    {
        let session = Session { id: Uuid::now_v7(), idle_expires_at: at(300_000), ..late.clone() };
        assert!(
            store
                .session_create(session.clone(), 1, NO_FAILURES, NO_LIMIT, KNOWN_DEVICE)
                .await
                .unwrap()
                .is_some()
        );
        let notice = Some(BoundedNotice { message: new_message(), charges: charges(throttle) });
        let refresh =
            Refresh { notice, idle_expires_at: at(300_000), ..refresh(&session, 0, seconds) };
        store.session_refresh(refresh.clone()).await.unwrap();
        let reused = store.session_refresh(refresh.clone()).await.unwrap();
        assert!(matches!(reused, Refreshed::Reused), "{reused:?}");
        assert_eq!(
            database.number("SELECT COUNT(*) FROM outbox").await,
            messages,
            "{seconds} {throttle}"
        );
        // It has ended: no caller after that adds another.
        let ended = store.session_refresh(refresh).await.unwrap();
        assert!(matches!(ended, Refreshed::Ended), "{ended:?}");
        assert_eq!(database.number("SELECT COUNT(*) FROM outbox").await, messages);
    }
}

#[apply(on_both)]
#[tokio::test]
async fn the_last_request_may_come_again_for_a_while_and_changes_nothing(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let request_id = Some(Uuid::now_v7());
    let again = async |session: &Session, number, request_id, seconds| {
        let refresh = Refresh { request_id, ..refresh(session, number, seconds) };
        store.session_refresh(refresh).await.unwrap()
    };
    let session = stored_session(store.as_ref()).await;
    again(&session, 0, request_id, 1).await;
    let after = store.session_find(session.id).await.unwrap();
    let repeated = again(&session, 0, request_id, 11).await;
    assert!(matches!(&repeated, Refreshed::Live(live) if Some(&live.session) == after.as_ref()));
    assert_eq!(store.session_find(session.id).await.unwrap(), after);

    for (first, second, seconds) in [
        (request_id, request_id, 12),
        (request_id, Some(Uuid::now_v7()), 2),
        (request_id, None, 2),
        (None, request_id, 2),
        (None, None, 2),
    ] {
        let session = stored_session(store.as_ref()).await;
        again(&session, 0, first, 1).await;
        let reused = again(&session, 0, second, seconds).await;
        assert!(matches!(reused, Refreshed::Reused), "{first:?} {second:?} {seconds}: {reused:?}");
    }
    // Nobody knows how long ago a refresh was that was made in the future.
    let session = stored_session(store.as_ref()).await;
    again(&session, 0, request_id, 122).await;
    assert!(matches!(again(&session, 0, request_id, 2).await, Refreshed::Live(_)));
    assert!(matches!(again(&session, 0, request_id, 1).await, Refreshed::Reused));
    // Two refreshes ago is too long ago, however soon.
    let session = stored_session(store.as_ref()).await;
    again(&session, 0, request_id, 1).await;
    again(&session, 1, request_id, 1).await;
    assert!(matches!(again(&session, 0, request_id, 1).await, Refreshed::Reused));
}

#[apply(on_both)]
#[tokio::test]
async fn any_repeat_of_the_last_token_within_the_grace_changes_nothing(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let grace = Duration::from_secs(5);
    let again = async |session: &Session, number, request_id, seconds| {
        let refresh = Refresh { request_id, grace, ..refresh(session, number, seconds) };
        store.session_refresh(refresh).await.unwrap()
    };
    let (one, other) = (Some(Uuid::now_v7()), Some(Uuid::now_v7()));
    for (first, second) in [(None, None), (one, None), (None, other), (one, other)] {
        let session = stored_session(store.as_ref()).await;
        again(&session, 0, first, 1).await;
        let after = store.session_find(session.id).await.unwrap();
        // The second repeat does not prolong the grace: it counts from the first use.
        for seconds in [1, 4, 6] {
            let repeated = again(&session, 0, second, seconds).await;
            let Refreshed::Live(live) = repeated else {
                panic!("{first:?} {second:?}: {repeated:?}")
            };
            assert_eq!(Some(live.session), after);
            assert_eq!(store.session_find(session.id).await.unwrap(), after);
        }
        let reused = again(&session, 0, second, 7).await;
        assert!(matches!(reused, Refreshed::Reused), "{first:?} {second:?}: {reused:?}");
    }
    // A retry by its id has its own time, the longer one.
    let session = stored_session(store.as_ref()).await;
    again(&session, 0, one, 1).await;
    assert!(matches!(again(&session, 0, one, 11).await, Refreshed::Live(_)));
    // Two refreshes ago is too long ago, and a number that was never given out is no repeat.
    for number in [0, 3] {
        let session = stored_session(store.as_ref()).await;
        again(&session, 0, None, 1).await;
        again(&session, 1, None, 1).await;
        assert!(matches!(again(&session, number, None, 1).await, Refreshed::Reused), "{number}");
    }
    // Nobody knows how long ago a refresh was that was made in the future.
    let session = stored_session(store.as_ref()).await;
    again(&session, 0, None, 122).await;
    assert!(matches!(again(&session, 0, None, 1).await, Refreshed::Reused));
}

#[apply(on_both)]
#[case::by_as_much_as_clocks_may_be_apart(121, 1000)]
#[case::by_more(122, 700)]
#[tokio::test]
async fn a_session_that_began_in_the_future_ends_in_time(
    #[case] begun: u64,
    #[case] end: u64,
    backend: Backend,
) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let user = stored_user(store.as_ref()).await.user.id;
    let session = Session { created_at: at(begun), expires_at: at(1000), ..session_of(user) };
    store.session_create(session.clone(), 1, NO_FAILURES, NO_LIMIT, KNOWN_DEVICE).await.unwrap();
    let refresh = Refresh { latest_end: at(700), ..refresh(&session, 0, 1) };
    let Refreshed::Live(live) = store.session_refresh(refresh).await.unwrap() else {
        panic!("it lives")
    };
    assert_eq!(live.session.expires_at, at(end));
}

#[apply(on_both)]
#[tokio::test]
async fn a_session_that_has_ended_does_not_move_on_nor_end_again(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let session = stored_session(store.as_ref()).await;
    let ended = async |seconds, number| {
        let refreshed = store.session_refresh(refresh(&session, number, seconds)).await.unwrap();
        assert!(matches!(refreshed, Refreshed::Ended), "{refreshed:?}");
    };
    ended(500, 0).await;
    ended(500, 1).await;
    database.run("UPDATE sessions SET idle_expires_at = expires_at").await;
    ended(1000, 0).await;
    for (table, change, back) in [
        ("users", "disabled_at = created_at", "disabled_at = NULL"),
        ("users", "credential_version = 2", "credential_version = 1"),
        ("sessions", "revoked_at = created_at", "revoked_at = NULL"),
    ] {
        database.run(&format!("UPDATE {table} SET {change}")).await;
        ended(1, 0).await;
        ended(1, 1).await;
        database.run(&format!("UPDATE {table} SET {back}")).await;
    }
    let unknown = Session { id: Uuid::now_v7(), ..session.clone() };
    let unknown = store.session_refresh(refresh(&unknown, 0, 1)).await.unwrap();
    assert!(matches!(unknown, Refreshed::Ended), "{unknown:?}");
    assert_eq!(database.number("SELECT COUNT(*) FROM revocations").await, 0);
    assert_eq!(store.session_find(session.id).await.unwrap().unwrap().token_number, 0);
}

/// The session that changes the password may be refreshed at the same moment: it must not end for that.
#[apply(on_both)]
#[tokio::test]
async fn a_change_of_the_password_does_not_get_in_the_way(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let session = stored_session(store.as_ref()).await;
    for round in 0..40 {
        let change = PasswordChange {
            user_id: session.user_id,
            credential_version: round + 1,
            session_id: session.id,
            password_hash: "other".into(),
            at: revoking(1),
        };
        let refresh = refresh(&session, round, 1);
        let (changed, refreshed) = tokio::join!(
            store.password_change(change, new_message()),
            store.session_refresh(refresh)
        );
        assert!(changed.unwrap());
        let refreshed = refreshed.unwrap();
        assert!(matches!(refreshed, Refreshed::Live(_)), "round {round}: {refreshed:?}");
    }
}
