//! A session whose user proves once more who they are.

use countersign::{
    domain::{AuthMethod, Challenge, Session},
    store::{Credentials, FactorChange, Refreshed, Spending, Store},
};
use rstest::rstest;
use rstest_reuse::apply;

use super::{
    ACTOR, ADDRESS, KNOWN_DEVICE, NO_FAILURES, NO_LIMIT, at, new_challenge, new_user,
    refresh::refresh, revoking, session_of,
};
use crate::harness::{Backend, Database, on_both};

/// A user without a second factor, and a session by the password.
async fn by_password(store: &dyn Store) -> (Credentials, Session) {
    let mut new = new_user();
    new.user.is_2fa_enabled = false;
    assert!(store.user_create(new.clone()).await.unwrap());
    let user = store.user_by_id(new.user.id).await.unwrap().unwrap();
    let methods = vec![AuthMethod::Password];
    let session = Session { methods, ..session_of(user.user.id) };
    (user, begun(store, session).await)
}

/// The same with a second factor.
async fn by_two(store: &dyn Store) -> (Credentials, Session) {
    let user = super::stored_user(store).await;
    let session = session_of(user.user.id);
    (user, begun(store, session).await)
}

async fn begun(store: &dyn Store, session: Session) -> Session {
    store.session_create(session, 1, NO_FAILURES, NO_LIMIT, KNOWN_DEVICE).await.unwrap().unwrap()
}

fn change(session: &Session, seconds: u64) -> FactorChange {
    FactorChange {
        user_id: session.user_id,
        credential_version: 1,
        session_id: Some(session.id),
        actor: ACTOR,
        address: Some(ADDRESS),
        now: at(seconds),
        carried_out: None,
    }
}

#[apply(on_both)]
#[tokio::test]
async fn the_password_is_noted_and_nothing_else_changes(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let (_, session) = by_password(store.as_ref()).await;
    let proved = store.session_reauthenticate(change(&session, 100)).await.unwrap().unwrap();
    let expected = Session { reauthenticated_at: Some(at(100)), ..session.clone() };
    assert_eq!(proved, expected);
    assert_eq!(store.session_find(session.id).await.unwrap(), Some(expected));
    let events = "SELECT COUNT(*) FROM events WHERE kind = 'reauthenticated'";
    assert_eq!(database.number(events).await, 1);
}

#[apply(on_both)]
#[case::another_user("sessions", "user_id = (SELECT id FROM users WHERE id <> user_id)")]
#[case::other_credentials("users", "credential_version = 2")]
#[case::disabled("users", "disabled_at = created_at")]
#[case::a_second_factor("users", "is_2fa_enabled = TRUE")]
#[case::revoked("sessions", "revoked_at = created_at")]
#[case::idle("sessions", "idle_expires_at = created_at")]
#[case::another_epoch("users", "session_epoch = 1")]
#[tokio::test]
async fn a_session_that_may_not_ask_is_not_proved(
    #[case] table: &str,
    #[case] changed: &str,
    backend: Backend,
) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let (_, session) = by_password(store.as_ref()).await;
    super::stored_user(store.as_ref()).await;
    database.run(&format!("UPDATE {table} SET {changed}")).await;
    assert!(store.session_reauthenticate(change(&session, 100)).await.unwrap().is_none());
    let proved = "SELECT COUNT(*) FROM sessions WHERE reauthenticated_at IS NOT NULL";
    assert_eq!(database.number(proved).await, 0);
    assert_eq!(
        database.number("SELECT COUNT(*) FROM events WHERE kind = 'reauthenticated'").await,
        0
    );
}

async fn challenge(store: &dyn Store, user: &Credentials, session: &Session) -> Challenge {
    let mut new = new_challenge(user);
    new.challenge.session_id = Some(session.id);
    assert!(store.challenge_create(new.clone(), None).await.unwrap());
    let (found, _) = store.challenge_find(new.id_mac).await.unwrap().unwrap();
    assert_eq!(found, new.challenge);
    found
}

async fn complete(store: &dyn Store, challenge: Challenge, session: &Session) -> Option<Session> {
    let session = Session { reauthenticated_at: Some(at(100)), ..session.clone() };
    store
        .challenge_complete(
            challenge,
            session,
            Spending::SentCode,
            NO_FAILURES,
            NO_LIMIT,
            KNOWN_DEVICE,
        )
        .await
        .unwrap()
}

#[apply(on_both)]
#[tokio::test]
async fn a_challenge_of_a_session_proves_it_once_and_begins_none(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let (user, session) = by_two(store.as_ref()).await;
    let challenge = challenge(store.as_ref(), &user, &session).await;
    let proved = complete(store.as_ref(), challenge.clone(), &session).await.unwrap();
    assert_eq!(proved, Session { reauthenticated_at: Some(at(100)), ..session.clone() });
    assert!(complete(store.as_ref(), challenge, &session).await.is_none(), "answered");
    assert_eq!(database.number("SELECT COUNT(*) FROM sessions").await, 1);
    let events = "SELECT COUNT(*) FROM events WHERE kind = 'reauthenticated'";
    assert_eq!(database.number(events).await, 1);
}

#[apply(on_both)]
#[tokio::test]
async fn an_ended_session_uses_up_neither_the_challenge_nor_the_proof(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let (user, session) = by_two(store.as_ref()).await;
    let challenge = challenge(store.as_ref(), &user, &session).await;
    store.session_revoke(session.id, user.user.id, revoking(50)).await.unwrap();
    assert!(complete(store.as_ref(), challenge, &session).await.is_none());
    assert_eq!(database.number("SELECT COUNT(*) FROM sessions").await, 1);
    let open = "SELECT COUNT(*) FROM challenges WHERE consumed_at IS NULL";
    assert_eq!(database.number(open).await, 1);
}

/// A clock that was ahead has proved it (ADR 23).
#[apply(on_both)]
#[case::as_much_as_clocks_may_be_apart(220, Some(220))]
#[case::more(221, None)]
#[tokio::test]
async fn a_refresh_forgets_a_proof_from_the_future(
    #[case] proved: u64,
    #[case] left: Option<u64>,
    backend: Backend,
) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let (_, session) = by_password(store.as_ref()).await;
    store.session_reauthenticate(change(&session, proved)).await.unwrap().unwrap();
    let refresh = refresh(&session, 0, 100);
    let Refreshed::Live(live) = store.session_refresh(refresh).await.unwrap() else {
        panic!("it lives")
    };
    assert_eq!(live.session.reauthenticated_at, left.map(at));
}
