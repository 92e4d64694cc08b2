//! Deletions that can be undone.

use countersign::store::{
    Credentials, Deletion, DeletionUndoing, FactorChange, PendingDeletion, Store,
};
use rstest::rstest;
use rstest_reuse::apply;

use super::{
    ACTOR, ADDRESS, NO_FAILURES, NO_LIMIT, at, new_message, revoking, session_of, stored_user,
};
use crate::harness::{Backend, Database, on_both};

pub const MAC: [u8; 32] = [7; 32];

/// A user with a session that asks, at 10, to be deleted from 100 on.
pub async fn asked(store: &dyn Store) -> (Credentials, FactorChange, PendingDeletion) {
    let user = stored_user(store).await;
    let session = session_of(user.user.id);
    let begun = store
        .session_create(
            session,
            user.credential_version,
            NO_FAILURES,
            NO_LIMIT,
            super::KNOWN_DEVICE,
        )
        .await;
    let change = FactorChange {
        user_id: user.user.id,
        credential_version: user.credential_version,
        session_id: Some(begun.unwrap().unwrap().id),
        actor: ACTOR,
        address: Some(ADDRESS),
        now: at(10),
        carried_out: None,
    };
    let pending = PendingDeletion { code_mac: MAC, due_at: at(100), tokens_expire_at: at(910) };
    (user, change, pending)
}

fn undoing(user: &Credentials, credential_version: i64, seconds: u64) -> DeletionUndoing {
    DeletionUndoing {
        code_mac: MAC,
        user_id: user.user.id,
        credential_version,
        at: revoking(seconds),
    }
}

#[apply(on_both)]
#[tokio::test]
async fn a_deletion_disables_until_it_is_undone_or_due(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let (user, change, pending) = asked(store.as_ref()).await;
    let id = user.user.id;
    let request = async |change: &FactorChange| {
        store.deletion_request(change.clone(), pending, new_message()).await.unwrap()
    };
    let stale = FactorChange { credential_version: 9, ..change.clone() };
    assert_eq!(request(&stale).await, Deletion::Unauthorised);
    let session = change.session_id.unwrap();
    assert!(store.session_live(session, at(10)).await.unwrap().is_some());
    assert_eq!(request(&change).await, Deletion::Done);
    assert_eq!(request(&change).await, Deletion::Unauthorised, "once");
    assert!(store.session_live(session, at(11)).await.unwrap().is_none());
    let found = store.user_by_id(id).await.unwrap().unwrap();
    assert_eq!(found.user.disabled_at, Some(at(10)));
    assert_eq!(found.credential_version, user.credential_version + 1);
    let managed = store.managed_users(&[id]).await.unwrap().pop().unwrap();
    assert_eq!(managed.deletion_due_at, Some(at(100)));

    let find = async |seconds| store.deletion_find(MAC, at(seconds)).await.unwrap();
    assert_eq!([find(99).await, find(100).await], [Some(id), None]);
    assert_eq!(store.deletion_find([8; 32], at(11)).await.unwrap(), None);
    let undo = async |version, seconds| {
        store.deletion_undo(undoing(&user, version, seconds), new_message()).await.unwrap()
    };
    let version = found.credential_version;
    assert!(!undo(version + 1, 20).await && !undo(version, 100).await);
    assert!(undo(version, 99).await && !undo(version, 99).await);
    let back = store.user_by_id(id).await.unwrap().unwrap();
    assert_eq!((back.user.disabled_at, back.password_hash), (None, user.password_hash.clone()));
    assert!(back.is_distrusted && !found.is_distrusted);
    assert!(store.session_live(session, at(20)).await.unwrap().is_none());
    assert_eq!(store.deletions_end(revoking(1000), 9).await.unwrap(), 0);
    let kinds =
        "SELECT COUNT(*) FROM events WHERE kind IN ('deletion_requested', 'deletion_undone')";
    assert_eq!(database.number(kinds).await, 2);
}

#[apply(on_both)]
#[tokio::test]
async fn what_is_due_is_deleted_for_good_a_few_at_a_time(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let mut ids = Vec::new();
    for number in 0..3 {
        let (user, change, pending) = asked(store.as_ref()).await;
        let pending = PendingDeletion { code_mac: [number; 32], ..pending };
        let done = store.deletion_request(change, pending, new_message()).await.unwrap();
        assert_eq!(done, Deletion::Done);
        ids.push(user.user.id);
    }
    // An operator enables one: that is not deleted any more, and not if it is disabled again either.
    assert!(store.user_enable(ids[0], revoking(20)).await.unwrap());
    assert!(store.user_disable(ids[0], revoking(21)).await.unwrap());
    let end = async |seconds, most| store.deletions_end(revoking(seconds), most).await.unwrap();
    assert_eq!(end(99, 9).await, 0);
    assert_eq!([end(100, 1).await, end(100, 9).await, end(100, 9).await], [1, 1, 0]);
    assert!(store.user_by_id(ids[0]).await.unwrap().is_some());
    for id in &ids[1..] {
        assert!(store.user_by_id(*id).await.unwrap().is_none());
    }
    let erased = "SELECT COUNT(*) FROM users WHERE username = '' AND email = '' AND password_hash = '' \
                  AND deletion_due_at IS NULL AND deletion_code_mac IS NULL";
    assert_eq!(database.number(erased).await, 2);
    let told = "SELECT COUNT(*) FROM events WHERE kind = 'user_deleted'";
    assert_eq!(database.number(told).await, 2);
}

/// A replica of the release before enables an account and knows no date.
#[apply(on_both)]
#[tokio::test]
async fn a_date_without_a_disabled_account_does_not_count(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let (user, change, pending) = asked(store.as_ref()).await;
    store.deletion_request(change, pending, new_message()).await.unwrap();
    database.run("UPDATE users SET disabled_at = NULL").await;
    let id = user.user.id;
    let managed = store.managed_users(&[id]).await.unwrap().pop().unwrap();
    assert_eq!(managed.deletion_due_at, None);
    assert_eq!(store.deletion_find(MAC, at(20)).await.unwrap(), None);
    assert_eq!(store.deletions_end(revoking(1000), 9).await.unwrap(), 0);
    assert!(store.user_disable(id, revoking(1001)).await.unwrap());
    assert_eq!(store.deletions_end(revoking(1002), 9).await.unwrap(), 0);
}
