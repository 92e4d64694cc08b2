//! Events.

use std::time::Duration;

use countersign::{
    domain::{Actor, Event, EventKind, ServiceAccountId, Timestamp},
    store::{
        BoundedNotice, Deletion, Ended, EventFilter, PasswordChange, Refresh, Refreshed, Spending,
        Store,
    },
};
use rstest::rstest;
use rstest_reuse::apply;
use uuid::Uuid;

use super::{
    ACTOR, ADDRESS, KNOWN_DEVICE, NO_FAILURES, NO_LIMIT, at, new_challenge, new_message, new_user,
    revoking, session_of, stored_user,
};
use crate::harness::{Backend, Database, on_both};

const ALL: EventFilter =
    EventFilter { user_id: None, kind: None, since: Timestamp::from_unix_micros(0), most: 100 };

fn event(kind: EventKind, user_id: Option<Uuid>, seconds: u64) -> Event {
    let (session_id, address) = (Some(Uuid::now_v7()), Some("2001:db8::1".parse().unwrap()));
    let actor = Some(Actor::Service(ServiceAccountId(Uuid::now_v7())));
    Event {
        id: Uuid::now_v7(),
        kind,
        user_id,
        session_id,
        service_account_id: None,
        subscription_id: None,
        actor,
        address,
        at: at(seconds),
    }
}

/// Kinds, users and sessions of all events, the first one first.
async fn recorded(store: &dyn Store) -> Vec<(EventKind, Option<Uuid>, Option<Uuid>)> {
    let mut events = store.events_list(ALL).await.unwrap();
    events.reverse();
    assert!(events.iter().all(|event| event.address == Some(ADDRESS)), "{events:?}");
    // A login, and what it causes, is its user's own act.
    let by_request_or_login = |event: &Event| {
        let by_login = event.session_id.is_some() && event.actor == event.user_id.map(Actor::User);
        event.actor == Some(ACTOR) || by_login
    };
    assert!(events.iter().all(by_request_or_login), "{events:?}");
    events.into_iter().map(|event| (event.kind, event.user_id, event.session_id)).collect()
}

#[apply(on_both)]
#[tokio::test]
async fn events_are_listed_as_they_were_written_and_by_whose_what_and_when(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let alice = Some(Uuid::now_v7());
    let nobodys = Event {
        session_id: None,
        actor: None,
        address: None,
        ..event(EventKind::LoginFailed, None, 1)
    };
    let failed = Event { actor: Some(Actor::Nobody), ..event(EventKind::LoginFailed, alice, 2) };
    let by_alice = alice.map(Actor::User);
    let changed = Event { actor: by_alice, ..event(EventKind::PasswordChanged, alice, 3) };
    // Of two at the same moment the order is that of their ids.
    let begun = event(EventKind::LoginSucceeded, Some(Uuid::now_v7()), 3);
    for event in [changed.clone(), nobodys.clone(), begun.clone(), failed.clone()] {
        store.event_append(event, None).await.unwrap();
    }
    let list = async |filter| store.events_list(filter).await.unwrap();
    assert_eq!(list(ALL).await, [begun.clone(), changed.clone(), failed.clone(), nobodys.clone()]);
    assert_eq!(list(EventFilter { most: 2, ..ALL }).await, [begun.clone(), changed.clone()]);
    assert_eq!(
        list(EventFilter { since: at(2), ..ALL }).await,
        [begun, changed.clone(), failed.clone()]
    );
    assert_eq!(list(EventFilter { user_id: alice, ..ALL }).await, [changed, failed.clone()]);
    let kind = Some(EventKind::LoginFailed);
    assert_eq!(list(EventFilter { kind, ..ALL }).await, [failed.clone(), nobodys]);
    assert_eq!(list(EventFilter { kind, user_id: alice, ..ALL }).await, [failed]);
    assert_eq!(list(EventFilter { kind, since: at(3), ..ALL }).await, []);
}

#[apply(on_both)]
#[tokio::test]
async fn each_change_leaves_its_event_and_one_that_changes_nothing_leaves_none(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let new = new_user();
    let user = new.user.id;
    let (begun, second, third) = (session_of(user), session_of(user), session_of(user));
    let credentials = async || store.user_by_id(user).await.unwrap().unwrap();
    let mut expected = Vec::new();
    // Everything is done twice, and counts once.
    for done in [true, false] {
        assert_eq!(store.user_create(new.clone()).await.unwrap(), done);
    }
    expected.push((EventKind::Registered, Some(user), None));
    let challenge = new_challenge(&credentials().await);
    store.challenge_create(challenge.clone(), Some(new_message())).await.unwrap();
    expected.push((EventKind::ChallengeBegun, Some(user), None));
    for done in [true, false] {
        let challenge = challenge.challenge.clone();
        assert_eq!(
            store
                .challenge_complete(
                    challenge,
                    begun.clone(),
                    Spending::SentCode,
                    NO_FAILURES,
                    NO_LIMIT,
                    KNOWN_DEVICE
                )
                .await
                .unwrap()
                .is_some(),
            done
        );
    }
    expected.push((EventKind::LoginSucceeded, Some(user), Some(begun.id)));
    expected.push((EventKind::EmailVerified, Some(user), Some(begun.id)));
    for session in [&second, &third] {
        assert!(
            store
                .session_create(session.clone(), 1, NO_FAILURES, NO_LIMIT, KNOWN_DEVICE)
                .await
                .unwrap()
                .is_some()
        );
        assert!(
            store
                .session_create(session_of(user), 2, NO_FAILURES, NO_LIMIT, KNOWN_DEVICE)
                .await
                .unwrap()
                .is_none()
        );
        expected.push((EventKind::LoginSucceeded, Some(user), Some(session.id)));
    }
    for done in [true, false] {
        assert_eq!(store.session_revoke(second.id, user, revoking(1)).await.unwrap(), done);
    }
    expected.push((EventKind::SessionRevoked, Some(user), Some(second.id)));
    for ended in [1, 0] {
        let others = store.session_revoke_others(user, begun.id, revoking(2)).await.unwrap();
        assert_eq!(others, Some(ended));
    }
    // One for all of them, with the session that asked.
    expected.push((EventKind::SessionsRevoked, Some(user), Some(begun.id)));
    for done in [true, false] {
        let change = PasswordChange {
            user_id: user,
            credential_version: 1,
            session_id: begun.id,
            password_hash: "other".into(),
            at: revoking(3),
        };
        assert_eq!(store.password_change(change, new_message()).await.unwrap(), done);
    }
    expected.push((EventKind::PasswordChanged, Some(user), Some(begun.id)));
    for done in [true, false] {
        let deleted = store.user_delete(user, begun.id, 2, revoking(4), new_message()).await;
        assert_eq!(deleted.unwrap() == Deletion::Done, done);
    }
    expected.push((EventKind::UserDeleted, Some(user), Some(begun.id)));
    assert_eq!(recorded(store.as_ref()).await, expected);
}

#[apply(on_both)]
#[tokio::test]
async fn a_refresh_leaves_no_event_unless_its_token_was_used_before(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let session = session_of(stored_user(store.as_ref()).await.user.id);
    assert!(
        store
            .session_create(session.clone(), 1, NO_FAILURES, NO_LIMIT, KNOWN_DEVICE)
            .await
            .unwrap()
            .is_some()
    );
    let refresh = async |seconds| {
        let refresh = Refresh {
            session_id: session.id,
            number: 0,
            request_id: None,
            repeat_within: Duration::from_secs(10),
            grace: Duration::ZERO,
            idle_expires_at: at(500),
            latest_end: at(900_000),
            at: revoking(seconds),
            notice: Some(BoundedNotice { message: new_message(), charges: Vec::new() }),
        };
        store.session_refresh(refresh).await.unwrap()
    };
    assert!(matches!(refresh(1).await, Refreshed::Live(_)));
    assert!(matches!(refresh(2).await, Refreshed::Reused));
    assert!(matches!(refresh(3).await, Refreshed::Ended));
    let events = store.events_list(EventFilter { since: at(1), ..ALL }).await.unwrap();
    let reused = (EventKind::RefreshReused, Some(session.user_id), Some(session.id), at(2));
    let seen = events.iter().map(|event| (event.kind, event.user_id, event.session_id, event.at));
    assert_eq!(seen.collect::<Vec<_>>(), [reused]);
}

/// The transaction is one: neither part is there without the other.
#[apply(on_both)]
#[tokio::test]
async fn what_is_rolled_back_leaves_no_event_and_without_the_event_nothing_is_done(
    backend: Backend,
) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let user = stored_user(store.as_ref()).await;
    let message = new_message();
    store.challenge_create(new_challenge(&user), Some(message.clone())).await.unwrap();
    let count = async |table| database.number(&format!("SELECT COUNT(*) FROM {table}")).await;
    let before = count("events").await;
    // The message comes after the event, and fails: there is one of its id.
    assert!(store.challenge_create(new_challenge(&user), Some(message)).await.is_err());
    assert_eq!([count("challenges").await, count("events").await], [1, before]);

    database.run("ALTER TABLE events RENAME TO elsewhere").await;
    assert!(store.user_create(new_user()).await.is_err());
    assert!(
        store
            .session_create(session_of(user.user.id), 1, NO_FAILURES, NO_LIMIT, KNOWN_DEVICE)
            .await
            .is_err()
    );
    assert_eq!([count("users").await, count("sessions").await], [1, 0]);
}

#[apply(on_both)]
#[tokio::test]
async fn old_events_are_removed_a_few_at_a_time(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    for seconds in [1, 1, 1, 2] {
        store.event_append(event(EventKind::LoginFailed, None, seconds), None).await.unwrap();
    }
    let remove =
        async |before, most| store.ended_remove(Ended::Events, at(before), most).await.unwrap();
    assert_eq!(remove(1, 10).await, 0);
    assert_eq!([remove(2, 2).await, remove(2, 2).await, remove(2, 2).await], [2, 1, 0]);
    assert_eq!(store.events_list(ALL).await.unwrap().len(), 1);
}

/// During a roll-out replicas of the release before go on writing, with a statement that knows no actor, and reading.
#[apply(on_both)]
#[tokio::test]
async fn an_event_of_a_release_that_records_no_actor_has_none(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let new = event(EventKind::UserEnabled, Some(Uuid::now_v7()), 2);
    store.event_append(new.clone(), None).await.unwrap();
    let columns = "(id, kind, user_id, session_id, address, at)";
    let old = "SELECT session_id, 'user_disabled', user_id, NULL, address, at FROM events";
    database.run(&format!("INSERT INTO events {columns} {old}")).await;
    let listed = store.events_list(ALL).await.unwrap();
    let actor = |kind| listed.iter().find(|event| event.kind == kind).unwrap().actor.clone();
    assert_eq!((actor(EventKind::UserEnabled), actor(EventKind::UserDisabled)), (new.actor, None));
}
