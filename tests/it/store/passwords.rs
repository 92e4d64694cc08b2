//! Password hashes, replaced.

use countersign::{
    domain::LoginName,
    store::{Credentials, PasswordChange, Places, Reservation},
};
use rstest::rstest;
use rstest_reuse::apply;

use super::{
    KNOWN_DEVICE, NO_FAILURES, NO_LIMIT, at, new_challenge, new_message, revoking, session_of,
    stored_user,
};
use crate::harness::{Backend, Database, on_both};

fn change(user: &Credentials, session_id: uuid::Uuid) -> PasswordChange {
    PasswordChange {
        user_id: user.user.id,
        credential_version: user.credential_version,
        session_id,
        password_hash: "other".into(),
        at: revoking(10),
    }
}

#[apply(on_both)]
#[tokio::test]
async fn another_password_ends_the_other_sessions_and_challenges_of_its_user_alone(
    backend: Backend,
) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let (user, neighbour) = (stored_user(store.as_ref()).await, stored_user(store.as_ref()).await);
    let sessions = [&user, &user, &user, &neighbour].map(|user| session_of(user.user.id));
    for session in &sessions {
        assert!(
            store
                .session_create(session.clone(), 1, NO_FAILURES, NO_LIMIT, KNOWN_DEVICE)
                .await
                .unwrap()
                .is_some()
        );
    }
    let challenges = [&user, &neighbour].map(new_challenge);
    for challenge in &challenges {
        store.challenge_create(challenge.clone(), Some(new_message())).await.unwrap();
    }
    let message = new_message();
    assert!(store.password_change(change(&user, sessions[1].id), message.clone()).await.unwrap());

    let changed = store.user_by_id(user.user.id).await.unwrap().unwrap();
    assert_eq!((changed.password_hash.as_str(), changed.credential_version), ("other", 2));
    let mut live = Vec::new();
    for session in &sessions {
        live.push(store.session_live(session.id, at(11)).await.unwrap().is_some());
    }
    assert_eq!(live, [false, true, false, true]);
    let mut open = Vec::new();
    for challenge in &challenges {
        let reserved = store.challenge_reserve(challenge.id_mac, 5, at(11)).await.unwrap();
        open.push(reserved != Reservation::Invalid);
    }
    assert_eq!(open, [false, true]);
    assert_eq!(database.number("SELECT COUNT(*) FROM revocations").await, 1, "one for all");
    let messages = store.outbox_claim(at(11), at(71), Places::any(8)).await.unwrap();
    assert!(messages.iter().any(|claimed| claimed.id == message.id));
    let unchanged = store.user_by_id(neighbour.user.id).await.unwrap().unwrap();
    assert_eq!((unchanged.password_hash.as_str(), unchanged.credential_version), ("hash", 1));
}

#[apply(on_both)]
#[case::changed_before("credential_version = 2")]
#[case::disabled("disabled_at = created_at")]
#[tokio::test]
async fn no_password_is_changed_on_the_word_of_credentials_that_no_longer_count(
    #[case] change_before: &str,
    backend: Backend,
) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let user = stored_user(store.as_ref()).await;
    let session = session_of(user.user.id);
    store.session_create(session.clone(), 1, NO_FAILURES, NO_LIMIT, KNOWN_DEVICE).await.unwrap();
    database.run(&format!("UPDATE users SET {change_before}")).await;
    assert!(!store.password_change(change(&user, session.id), new_message()).await.unwrap());
    let found = store.user_by_id(user.user.id).await.unwrap().unwrap();
    assert_eq!(found.password_hash, "hash");
    assert_eq!(database.number("SELECT COUNT(*) FROM users WHERE session_epoch = 0").await, 1);
    for table in ["revocations", "outbox"] {
        assert_eq!(database.number(&format!("SELECT COUNT(*) FROM {table}")).await, 0, "{table}");
    }
}

#[apply(on_both)]
#[tokio::test]
async fn a_hash_is_replaced_only_where_it_is_still_the_same(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let user = stored_user(store.as_ref()).await;
    let rehash = async |hash: &str, version| {
        let mut of = user.clone();
        (of.password_hash, of.credential_version) = (hash.to_owned(), version);
        store.password_rehash(of, "better".into()).await.unwrap()
    };
    assert!(!rehash("other", 1).await && !rehash("hash", 2).await);
    assert!(rehash("hash", 1).await);
    assert!(!rehash("hash", 1).await, "again");
    let found = store.user_by_id(user.user.id).await.unwrap().unwrap();
    assert_eq!((found.password_hash.as_str(), found.credential_version), ("better", 1));
}

/// After an undoing (ADR 51): what else changes of the account says nothing of the password.
#[apply(on_both)]
#[tokio::test]
async fn a_distrusted_password_is_so_until_there_is_another(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let user = stored_user(store.as_ref()).await;
    let session = session_of(user.user.id);
    store.session_create(session.clone(), 1, NO_FAILURES, NO_LIMIT, KNOWN_DEVICE).await.unwrap();
    let now = async || store.user_by_id(user.user.id).await.unwrap().unwrap();
    assert!(!now().await.is_distrusted);
    database.run("UPDATE users SET password_distrusted_at = created_at").await;
    let name = LoginName::Username(user.user.username.to_lowercase());
    assert!(store.user_by_login(&name).await.unwrap().unwrap().is_distrusted);
    assert!(store.password_rehash(user.clone(), "better".into()).await.unwrap());
    assert!(now().await.is_distrusted, "the same password");
    assert!(store.password_change(change(&user, session.id), new_message()).await.unwrap());
    assert!(!now().await.is_distrusted);
    database.run("UPDATE users SET password_distrusted_at = created_at").await;
    assert!(store.user_disable(user.user.id, revoking(11)).await.unwrap());
    assert!(store.user_enable(user.user.id, revoking(12)).await.unwrap());
    assert!(now().await.is_distrusted);
}

/// A login with the old password, at the moment when it is changed, begins no session or one that is ended and told of.
#[apply(on_both)]
#[tokio::test]
async fn no_session_slips_in_beside_a_change_of_the_password(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let mut told_of = 0;
    for _ in 0..40 {
        let user = stored_user(store.as_ref()).await;
        let (own, rival) = (session_of(user.user.id), session_of(user.user.id));
        store.session_create(own.clone(), 1, NO_FAILURES, NO_LIMIT, KNOWN_DEVICE).await.unwrap();
        let (changed, begun) = tokio::join!(
            store.password_change(change(&user, own.id), new_message()),
            store.session_create(rival.clone(), 1, NO_FAILURES, NO_LIMIT, KNOWN_DEVICE)
        );
        assert!(changed.unwrap());
        assert!(store.session_live(rival.id, at(11)).await.unwrap().is_none());
        let told = "SELECT COUNT(*) FROM revocations WHERE session_epoch = 1";
        told_of += i64::from(begun.unwrap().is_some());
        assert_eq!(database.number(told).await, told_of, "a session that began is told of");
    }
}
