//! Sessions.

use countersign::store::Revoking;
use rstest::rstest;
use uuid::Uuid;

use super::{at, session_of, stored_user};
use crate::harness::{Backend, Database};

#[rstest]
#[tokio::test]
async fn a_session_begins_only_with_current_credentials_of_an_enabled_user(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let user = stored_user(store.as_ref()).await;
    assert!(store.session_create(session_of(user.user.id), 1).await.unwrap());
    assert!(!store.session_create(session_of(user.user.id), 0).await.unwrap());
    assert!(!store.session_create(session_of(user.user.id), 2).await.unwrap());
    assert!(!store.session_create(session_of(Uuid::now_v7()), 1).await.unwrap());
    database.run("UPDATE users SET disabled_at = created_at").await;
    assert!(!store.session_create(session_of(user.user.id), 1).await.unwrap());
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
    store.session_create(session.clone(), 1).await.unwrap();
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
    store.session_create(session.clone(), 1).await.unwrap();
    let revoking = Revoking { now: at(10), tokens_expire_at: at(910) };
    let revoke = async |owner| store.session_revoke(session.id, owner, revoking).await.unwrap();
    assert!(!revoke(Uuid::now_v7()).await, "somebody else's");
    assert!(store.session_live(session.id, at(11)).await.unwrap().is_some());
    assert!(revoke(user.user.id).await);
    assert!(store.session_live(session.id, at(11)).await.unwrap().is_none());
    assert!(!revoke(user.user.id).await, "again");
    assert_eq!(database.number("SELECT seq FROM revocations").await, 1);
    assert_eq!(database.number("SELECT seq FROM revocation_head").await, 1);
}
