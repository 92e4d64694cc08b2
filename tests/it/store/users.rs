//! Users.

use countersign::{
    domain::LoginName,
    store::{NewUser, Taken},
};
use rstest::rstest;
use uuid::Uuid;

use super::{NO_FAILURES, new_challenge, new_message, new_user, revoking, session_of, stored_user};
use crate::harness::{Backend, Database};

#[rstest]
#[tokio::test]
async fn a_user_is_found_by_name_by_address_and_by_id_as_it_was_written(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let new = new_user();
    assert!(store.user_create(new.clone()).await.unwrap());
    for found in [
        store.user_by_login(&LoginName::Username(new.username_key.clone())).await,
        store.user_by_login(&LoginName::Email(new.email_key.clone())).await,
        store.user_by_id(new.user.id).await,
    ] {
        let found = found.unwrap().unwrap();
        assert_eq!(found.user, new.user);
        assert_eq!((found.password_hash.as_str(), found.credential_version), ("hash", 1));
    }
    assert!(store.user_by_id(Uuid::now_v7()).await.unwrap().is_none());
    // An address is no username and a username no address.
    assert!(store.user_by_login(&LoginName::Username(new.email_key)).await.unwrap().is_none());
    assert!(store.user_by_login(&LoginName::Email(new.username_key)).await.unwrap().is_none());
}

#[rstest]
#[tokio::test]
async fn name_address_and_request_are_unique_and_what_is_taken_is_told_apart(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let first = new_user();
    assert!(store.user_create(first.clone()).await.unwrap());

    let same_name = NewUser { username_key: first.username_key.clone(), ..new_user() };
    let same_email = NewUser { email_key: first.email_key.clone(), ..new_user() };
    let same_request = NewUser { request_id: first.request_id, ..new_user() };
    let taken = |new: &NewUser| {
        let (store, new) = (store.clone(), new.clone());
        async move { store.user_taken(&new.username_key, &new.email_key, new.request_id).await.unwrap() }
    };
    for new in [&same_name, &same_email, &same_request] {
        assert!(!store.user_create(new.clone()).await.unwrap());
    }
    assert!(matches!(taken(&same_name).await, Some(Taken::Username)));
    assert!(matches!(taken(&same_email).await, Some(Taken::Email)));
    let Some(Taken::RequestId(earlier)) = taken(&same_request).await else { panic!("not taken") };
    assert_eq!(earlier.user, first.user);
    // Of two users in the way, the one with the name is told of.
    let second = new_user();
    assert!(store.user_create(second.clone()).await.unwrap());
    let both = NewUser { email_key: second.email_key, ..same_name };
    assert!(matches!(taken(&both).await, Some(Taken::Username)));
    // The same request has a say before the name that it took.
    assert!(matches!(taken(&first).await, Some(Taken::RequestId(_))));
    assert!(taken(&new_user()).await.is_none());

    // No request id is not a request id that two users share.
    for _ in 0..2 {
        let new = NewUser { request_id: None, ..new_user() };
        assert!(taken(&new).await.is_none());
        assert!(store.user_create(new).await.unwrap());
    }
}

#[rstest]
#[tokio::test]
async fn a_user_is_deleted_with_all_that_is_theirs_and_it_is_told(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let (user, other) = (stored_user(store.as_ref()).await, stored_user(store.as_ref()).await);
    let own = session_of(user.user.id);
    for (user, session) in [(&user, own.clone()), (&other, session_of(other.user.id))] {
        store.session_create(session, 1, NO_FAILURES).await.unwrap();
        store.challenge_create(new_challenge(user), Some(new_message())).await.unwrap();
    }
    let (session, at) = (own.id, revoking(10));
    let delete = async |version| {
        store.user_delete(user.user.id, session, version, at, new_message()).await.unwrap()
    };
    assert!(!delete(2).await, "other credentials");
    assert!(delete(1).await);
    assert!(!delete(1).await, "again");
    // Those of the challenges, and one that tells of the deletion.
    assert_eq!(database.number("SELECT COUNT(*) FROM outbox").await, 3);
    assert!(store.user_by_id(user.user.id).await.unwrap().is_none());
    for table in ["users", "sessions", "challenges"] {
        assert_eq!(database.number(&format!("SELECT COUNT(*) FROM {table}")).await, 1, "{table}");
    }
    let told = "SELECT COUNT(*) FROM revocations WHERE user_id IS NOT NULL AND seq = 1 \
        AND not_before = expires_at";
    assert_eq!(database.number(told).await, 1);
    assert_eq!(database.number("SELECT COUNT(*) FROM revocations").await, 1);
}
