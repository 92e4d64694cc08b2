//! Sessions.

use countersign::domain::{AuthMethod, Session};
use rstest::rstest;
use uuid::Uuid;

use super::{at, stored_user};
use crate::harness::{Backend, Database};

#[rstest]
#[tokio::test]
async fn a_session_begins_only_with_current_credentials_of_an_enabled_user(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let user = stored_user(store.as_ref()).await;
    let session = |user_id: Uuid| Session {
        id: Uuid::now_v7(),
        user_id,
        audience: "countersign".into(),
        device_name: String::new(),
        methods: vec![AuthMethod::Password],
        created_at: at(0),
        expires_at: at(1000),
    };
    assert!(store.session_create(session(user.user.id), 1).await.unwrap());
    assert!(!store.session_create(session(user.user.id), 0).await.unwrap());
    assert!(!store.session_create(session(user.user.id), 2).await.unwrap());
    assert!(!store.session_create(session(Uuid::now_v7()), 1).await.unwrap());
    database.run("UPDATE users SET disabled_at = created_at").await;
    assert!(!store.session_create(session(user.user.id), 1).await.unwrap());
    assert_eq!(
        database.number("SELECT COUNT(*) FROM sessions WHERE credential_version = 1").await,
        1
    );
    assert_eq!(database.number("SELECT COUNT(*) FROM sessions").await, 1);
}
