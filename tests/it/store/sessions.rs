//! Sessions.

use countersign::{
    domain::{AuthMethod, Session},
    store::Credentials,
};
use rstest::rstest;
use uuid::Uuid;

use super::{NO_FAILURES, at, revoking, session_of, stored_user};
use crate::harness::{Backend, Database};

#[rstest]
#[tokio::test]
async fn a_session_begins_only_with_current_credentials_of_an_enabled_user(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let user = stored_user(store.as_ref()).await;
    assert!(store.session_create(session_of(user.user.id), 1, NO_FAILURES).await.unwrap());
    assert!(!store.session_create(session_of(user.user.id), 0, NO_FAILURES).await.unwrap());
    assert!(!store.session_create(session_of(user.user.id), 2, NO_FAILURES).await.unwrap());
    assert!(!store.session_create(session_of(Uuid::now_v7()), 1, NO_FAILURES).await.unwrap());
    database.run("UPDATE users SET disabled_at = created_at").await;
    assert!(!store.session_create(session_of(user.user.id), 1, NO_FAILURES).await.unwrap());
    assert_eq!(
        database.number("SELECT COUNT(*) FROM sessions WHERE credential_version = 1").await,
        1
    );
    assert_eq!(database.number("SELECT COUNT(*) FROM sessions").await, 1);
}

#[rstest]
#[tokio::test]
async fn a_session_lives_until_it_expires_is_not_used_or_its_user_changes(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let user = stored_user(store.as_ref()).await;
    let session = session_of(user.user.id);
    store.session_create(session.clone(), 1, NO_FAILURES).await.unwrap();
    let live = store.session_live(session.id, at(499)).await.unwrap().unwrap();
    assert_eq!((&live.session, &live.credentials.user), (&session, &user.user));
    let lives =
        async |seconds| store.session_live(session.id, at(seconds)).await.unwrap().is_some();
    assert!(!lives(500).await, "not used for too long");
    database.run("UPDATE sessions SET idle_expires_at = expires_at").await;
    assert!(lives(999).await && !lives(1000).await, "expired");
    for (change, back) in [
        ("disabled_at = created_at", "disabled_at = NULL"),
        ("credential_version = 2", "credential_version = 1"),
    ] {
        database.run(&format!("UPDATE users SET {change}")).await;
        assert!(!lives(1).await, "{change}");
        database.run(&format!("UPDATE users SET {back}")).await;
        assert!(lives(1).await, "{back}");
    }
}

#[rstest]
#[tokio::test]
async fn a_session_is_revoked_once_by_its_owner_and_the_revocation_is_numbered(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let user = stored_user(store.as_ref()).await;
    let session = session_of(user.user.id);
    store.session_create(session.clone(), 1, NO_FAILURES).await.unwrap();
    let revoke = async |owner| store.session_revoke(session.id, owner, revoking(10)).await.unwrap();
    assert!(!revoke(Uuid::now_v7()).await, "somebody else's");
    assert!(store.session_live(session.id, at(11)).await.unwrap().is_some());
    assert!(revoke(user.user.id).await);
    assert!(store.session_live(session.id, at(11)).await.unwrap().is_none());
    assert!(!revoke(user.user.id).await, "again");
    assert_eq!(database.number("SELECT seq FROM revocations").await, 1);
    assert_eq!(database.number("SELECT seq FROM revocation_head").await, 1);
}

#[rstest]
#[tokio::test]
async fn a_session_is_found_whatever_has_become_of_it_if_it_could_ever_be_refreshed(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let user = stored_user(store.as_ref()).await;
    let session = session_of(user.user.id);
    store.session_create(session.clone(), 1, NO_FAILURES).await.unwrap();
    database.run("UPDATE users SET disabled_at = created_at, credential_version = 2").await;
    database.run("UPDATE sessions SET revoked_at = created_at").await;
    assert_eq!(store.session_find(session.id).await.unwrap(), Some(session.clone()));
    assert_eq!(store.session_find(Uuid::now_v7()).await.unwrap(), None);
    // As a replica of an earlier release leaves it.
    database.run("UPDATE sessions SET refresh_salt = NULL").await;
    assert_eq!(store.session_find(session.id).await.unwrap(), None);
}

#[rstest]
#[tokio::test]
async fn a_users_live_sessions_are_listed_the_one_used_last_first(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let (user, other) = (stored_user(store.as_ref()).await, stored_user(store.as_ref()).await);
    let used = |user: &Credentials, seconds| Session {
        last_used_at: at(seconds),
        ..session_of(user.user.id)
    };
    let idle = Session { idle_expires_at: at(50), ..used(&user, 9) };
    let expired = Session { expires_at: at(50), ..used(&user, 9) };
    let (first, second, revoked) = (used(&user, 8), used(&user, 7), used(&user, 9));
    for session in [&second, &idle, &expired, &first, &revoked, &used(&other, 9)] {
        store.session_create(session.clone(), 1, NO_FAILURES).await.unwrap();
    }
    store.session_revoke(revoked.id, user.user.id, revoking(10)).await.unwrap();
    let listed = store.session_list(user.user.id, at(50)).await.unwrap();
    assert_eq!(listed, [first, second]);
    database.run("UPDATE users SET credential_version = 2").await;
    assert!(store.session_list(user.user.id, at(50)).await.unwrap().is_empty());
}

#[rstest]
#[tokio::test]
async fn all_sessions_of_a_user_but_one_end_and_each_is_told_of(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let (user, other) = (stored_user(store.as_ref()).await, stored_user(store.as_ref()).await);
    let sessions = [&user, &user, &user, &other].map(|user| session_of(user.user.id));
    let expired = Session { expires_at: at(9), ..session_of(user.user.id) };
    for session in sessions.iter().chain([&expired]) {
        store.session_create(session.clone(), 1, NO_FAILURES).await.unwrap();
    }
    let revoke = async || {
        store.session_revoke_others(user.user.id, sessions[0].id, revoking(10)).await.unwrap()
    };
    assert_eq!(revoke().await, 2);
    assert_eq!(revoke().await, 0, "again");
    let mut live = Vec::new();
    for session in &sessions {
        live.push(store.session_live(session.id, at(11)).await.unwrap().is_some());
    }
    assert_eq!(live, [true, false, false, true]);
    assert_eq!(database.number("SELECT COUNT(*) FROM revocations").await, 2);
    assert_eq!(database.number("SELECT MAX(seq) FROM revocations").await, 2);
}

/// The clock of whoever ends a session may be behind that of whoever used it last.
#[rstest]
#[tokio::test]
async fn a_revocation_covers_tokens_that_another_clock_has_dated_later(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let user = stored_user(store.as_ref()).await;
    let session = Session { last_used_at: at(20), ..session_of(user.user.id) };
    store.session_create(session.clone(), 1, NO_FAILURES).await.unwrap();
    assert!(store.session_revoke(session.id, user.user.id, revoking(10)).await.unwrap());
    let covered = "SELECT COUNT(*) FROM revocations, sessions WHERE not_before = last_used_at";
    assert_eq!(database.number(covered).await, 1);
}

/// More than are inserted with one statement.
#[rstest]
#[tokio::test]
async fn each_of_very_many_sessions_that_are_ended_at_once_has_a_number(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let user = stored_user(store.as_ref()).await;
    for _ in 0..1002 {
        assert!(store.session_create(session_of(user.user.id), 1, NO_FAILURES).await.unwrap());
    }
    let nobody = Uuid::now_v7();
    let ended = store.session_revoke_others(user.user.id, nobody, revoking(10)).await.unwrap();
    assert_eq!(ended, 1002);
    for (number, sql) in [
        (1002, "SELECT COUNT(DISTINCT session_id) FROM revocations"),
        (1002, "SELECT MAX(seq) FROM revocations"),
        (1, "SELECT MIN(seq) FROM revocations"),
        (1002, "SELECT seq FROM revocation_head"),
        (1002, "SELECT COUNT(DISTINCT session_id) FROM events WHERE kind = 'session_revoked'"),
    ] {
        assert_eq!(database.number(sql).await, number, "{sql}");
    }
}

#[rstest]
#[tokio::test]
async fn the_password_alone_begins_no_session_once_a_second_factor_is_on(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let user = stored_user(store.as_ref()).await;
    assert!(user.user.is_2fa_enabled);
    let whole = session_of(user.user.id);
    let half = Session { methods: vec![AuthMethod::Password], ..session_of(user.user.id) };
    assert!(
        !store.session_create(half.clone(), user.credential_version, NO_FAILURES).await.unwrap()
    );
    assert!(store.session_create(whole, user.credential_version, NO_FAILURES).await.unwrap());
    database.run("UPDATE users SET is_2fa_enabled = FALSE").await;
    assert!(store.session_create(half, user.credential_version, NO_FAILURES).await.unwrap());
}
