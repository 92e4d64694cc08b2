//! Users.

use countersign::{
    domain::{Email, LoginName, Revoked, User, Username},
    store::{Deletion, NewUser, Taken},
};
use rstest::rstest;
use rstest_reuse::apply;
use uuid::Uuid;

use super::{
    KNOWN_DEVICE, NO_FAILURES, NO_LIMIT, at, new_challenge, new_message, new_user, revoking,
    session_of, stored_user,
};
use crate::harness::{Backend, Database, on_both};

#[apply(on_both)]
#[tokio::test]
async fn a_user_is_found_by_name_by_address_and_by_id_as_it_was_written(backend: Backend) {
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

#[apply(on_both)]
#[tokio::test]
async fn name_address_and_request_are_unique_and_what_is_taken_is_told_apart(backend: Backend) {
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
    assert!(matches!(taken(&same_email).await, Some(Taken::Email { verified: false })));
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

    database.run("UPDATE users SET email_verified = TRUE").await;
    assert!(matches!(taken(&same_email).await, Some(Taken::Email { verified: true })));

    // No request id is not a request id that two users share.
    for _ in 0..2 {
        let new = NewUser { request_id: None, ..new_user() };
        assert!(taken(&new).await.is_none());
        assert!(store.user_create(new).await.unwrap());
    }
}

#[apply(on_both)]
#[tokio::test]
async fn a_user_is_deleted_with_all_that_is_personal_and_it_is_told(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let new = new_user();
    assert!(store.user_create(new.clone()).await.unwrap());
    let user = store.user_by_id(new.user.id).await.unwrap().unwrap();
    let other = stored_user(store.as_ref()).await;
    let (own, challenge) = (session_of(user.user.id), new_challenge(&user));
    for session in [&own, &session_of(other.user.id)] {
        store
            .session_create(session.clone(), 1, NO_FAILURES, NO_LIMIT, KNOWN_DEVICE)
            .await
            .unwrap();
    }
    store.challenge_create(challenge.clone(), Some(new_message())).await.unwrap();
    let delete = async |version| {
        let at = revoking(10);
        let deleted = store.user_delete(user.user.id, own.id, version, at, new_message()).await;
        deleted.unwrap() == Deletion::Done
    };
    assert!(!delete(2).await, "other credentials");
    database.run("UPDATE users SET disabled_at = created_at").await;
    assert!(!delete(1).await, "disabled");
    database.run("UPDATE users SET disabled_at = NULL").await;
    assert!(delete(1).await);
    assert!(!delete(1).await, "again");
    // That of the challenge, and one that tells of the deletion.
    assert_eq!(database.number("SELECT COUNT(*) FROM outbox").await, 2);
    assert!(store.user_by_id(user.user.id).await.unwrap().is_none());
    assert!(store.session_live(own.id, at(11)).await.unwrap().is_none());
    assert!(store.challenge_find(challenge.id_mac).await.unwrap().is_none());
    assert!(!store.user_enable(user.user.id, revoking(11)).await.unwrap(), "nobody comes back");
    assert!(store.user_by_id(other.user.id).await.unwrap().is_some());
    let told = "SELECT COUNT(*) FROM revocations WHERE user_id IS NOT NULL AND seq = 1 \
        AND not_before = expires_at AND session_epoch IS NULL";
    assert_eq!(database.number(told).await, 1);
    assert_eq!(database.number("SELECT COUNT(*) FROM revocations").await, 1);

    let left = "SELECT COUNT(*) FROM users WHERE username = '' AND email = '' AND password_hash = '' \
        AND roles = '' AND request_id IS NULL AND username_key LIKE 'deleted user %' AND email_key = username_key";
    assert_eq!(database.number(left).await, 1);
    // Anybody can type what has taken the place of the name, and finds nobody.
    let key = format!("deleted user {}", user.user.id);
    for name in [LoginName::Username(key.clone()), LoginName::Email(key.clone())] {
        assert!(store.user_by_login(&name).await.unwrap().is_none());
    }
    assert!(Username::parse(&key).is_err() && Email::parse(&key).is_err(), "nobody can take it");
    // The same name, address and request are free at once.
    let again = NewUser { user: User { id: Uuid::now_v7(), ..new.user.clone() }, ..new };
    assert!(store.user_create(again).await.unwrap());
}

#[apply(on_both)]
#[tokio::test]
async fn a_user_is_disabled_and_enabled_once_and_no_session_comes_back(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let user = stored_user(store.as_ref()).await;
    let (id, session, challenge) = (user.user.id, session_of(user.user.id), new_challenge(&user));
    store.session_create(session.clone(), 1, NO_FAILURES, NO_LIMIT, KNOWN_DEVICE).await.unwrap();
    store.challenge_create(challenge.clone(), Some(new_message())).await.unwrap();
    let disable = async || store.user_disable(id, revoking(10)).await.unwrap();
    let enable = async || store.user_enable(id, revoking(20)).await.unwrap();
    assert!(!enable().await, "it is");
    assert!(disable().await);
    assert!(!disable().await, "again");
    let found = store.user_by_id(id).await.unwrap().unwrap();
    assert_eq!((found.user.disabled_at, found.credential_version), (Some(at(10)), 2));
    assert!(enable().await);
    assert!(!enable().await, "again");
    assert!(store.session_live(session.id, at(21)).await.unwrap().is_none());
    assert!(store.challenge_find(challenge.id_mac).await.unwrap().is_none());
    let told = store.revocations_after(0, at(21), 10).await.unwrap();
    let told: Vec<_> = told.into_iter().map(|told| told.revocation.subject).collect();
    assert_eq!(told, [Revoked::Earlier { user_id: id, epoch: 1, kept: None }]);
    let unknown = store.user_disable(Uuid::now_v7(), revoking(10)).await.unwrap();
    assert!(!unknown);
    for (kind, count) in [("user_disabled", 1), ("user_enabled", 1), ("sessions_revoked", 0)] {
        let recorded = format!(
            "SELECT COUNT(*) FROM events WHERE kind = '{kind}' AND user_id IS NOT NULL AND session_id IS NULL"
        );
        assert_eq!(database.number(&recorded).await, count, "{kind}");
    }
}

/// Whoever has disabled an account with a statement of their own has told nobody.
#[apply(on_both)]
#[tokio::test]
async fn sessions_from_before_an_account_was_disabled_past_the_service_end_when_it_is_enabled(
    backend: Backend,
) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let user = stored_user(store.as_ref()).await;
    let session = session_of(user.user.id);
    store.session_create(session.clone(), 1, NO_FAILURES, NO_LIMIT, KNOWN_DEVICE).await.unwrap();
    database.run("UPDATE users SET disabled_at = created_at").await;
    assert!(store.user_enable(user.user.id, revoking(10)).await.unwrap());
    assert!(store.session_live(session.id, at(11)).await.unwrap().is_none());
    assert_eq!(database.number("SELECT COUNT(*) FROM revocations").await, 1);
}
