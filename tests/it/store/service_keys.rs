//! Keys of service accounts, their tokens, and assertions that are used up.

use std::sync::Arc;

use countersign::{
    domain::{EventKind, Revoked, ServiceAccount, ServiceAccountId},
    store::{Ended, NewAssertion, NewServiceKey, ServiceKey, Store},
};
use futures_util::future::join_all;
use rstest::rstest;
use rstest_reuse::apply;
use uuid::Uuid;

use super::{
    at, revoking,
    service_accounts::{revoked, stored, told},
};
use crate::harness::{Backend, Database, on_both};

pub(super) fn digest() -> [u8; 32] {
    *Uuid::now_v7().as_bytes().repeat(2).first_chunk().unwrap()
}

pub(super) fn new_key(account_id: ServiceAccountId) -> NewServiceKey {
    let (id, digest) = (Uuid::now_v7(), digest());
    NewServiceKey { id, account_id, digest, created_at: at(0), expires_at: Some(at(100)) }
}

async fn add(store: &dyn Store, key: &NewServiceKey, most: u32, now: u64) -> bool {
    store.service_key_create(key.clone(), most, revoking(now)).await.unwrap()
}

fn shown(key: &NewServiceKey) -> ServiceKey {
    let NewServiceKey { id, created_at, expires_at, .. } = *key;
    ServiceKey { id, created_at, expires_at, last_used_at: None }
}

#[apply(on_both)]
#[tokio::test]
async fn a_key_is_found_with_its_account_until_it_is_deleted(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let (account, other) = (stored(store.as_ref()).await, stored(store.as_ref()).await);
    let endless = NewServiceKey { expires_at: None, created_at: at(1), ..new_key(account.id) };
    let (key, others) = (new_key(account.id), new_key(other.id));
    for new in [&endless, &key, &others] {
        assert!(add(store.as_ref(), new, 2, 1).await);
    }
    let found = store.service_key_find(endless.digest).await.unwrap();
    assert_eq!(found, Some((shown(&endless), account.clone())));
    assert_eq!(store.service_key_find(digest()).await.unwrap(), None);
    let keys = store.service_keys(account.id).await.unwrap();
    assert_eq!(keys, [shown(&key), shown(&endless)], "the oldest first");
    let delete =
        async |id, key_id| store.service_key_delete(id, key_id, revoking(2)).await.unwrap();
    assert!(!delete(account.id, others.id).await, "it is another account's");
    assert!(delete(account.id, key.id).await);
    assert!(!delete(account.id, key.id).await);
    assert_eq!(store.service_key_find(key.digest).await.unwrap(), None);
    assert!(store.service_key_find(others.digest).await.unwrap().is_some());
    let kinds = [
        EventKind::ServiceAccountCreated,
        EventKind::ServiceKeyCreated,
        EventKind::ServiceKeyCreated,
        EventKind::ServiceKeyRevoked,
    ];
    assert_eq!(told(store.as_ref(), account.id).await, kinds);
    assert!(revoked(store.as_ref()).await.is_empty(), "tokens stay");
}

#[apply(on_both)]
#[tokio::test]
async fn keys_that_have_expired_do_not_count_and_are_removed_a_few_at_a_time(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let account = stored(store.as_ref()).await;
    let keys = [(); 4].map(|()| new_key(account.id));
    assert!(add(store.as_ref(), &keys[0], 2, 1).await && add(store.as_ref(), &keys[1], 2, 1).await);
    assert!(!add(store.as_ref(), &keys[2], 2, 99).await);
    let lasting = |key: &NewServiceKey| NewServiceKey { expires_at: None, ..key.clone() };
    assert!(add(store.as_ref(), &lasting(&keys[2]), 2, 100).await, "two have expired");
    assert!(!add(store.as_ref(), &keys[3], 1, 100).await);
    assert!(!add(store.as_ref(), &new_key(ServiceAccountId(Uuid::now_v7())), 9, 1).await);
    let remove =
        async |before| store.ended_remove(Ended::ServiceKeys, at(before), 1).await.unwrap();
    assert_eq!([remove(100).await, remove(101).await, remove(101).await], [0, 1, 1]);
    assert_eq!(remove(101).await, 0);
    assert_eq!(store.service_keys(account.id).await.unwrap().len(), 1);
}

#[apply(on_both)]
#[tokio::test]
async fn the_last_use_of_a_key_only_moves_forward(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let account = stored(store.as_ref()).await;
    let key = new_key(account.id);
    assert!(add(store.as_ref(), &key, 2, 1).await);
    for (used, known) in [(5, 5), (3, 5), (7, 7)] {
        store.service_key_used(key.id, at(used)).await.unwrap();
        let keys = store.service_keys(account.id).await.unwrap();
        assert_eq!(keys[0].last_used_at, Some(at(known)));
    }
    // One that was revoked meanwhile is no error.
    store.service_key_used(Uuid::now_v7(), at(8)).await.unwrap();
}

#[apply(on_both)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_that_are_made_at_once_are_never_more_than_the_most(backend: Backend) {
    let database = Database::new(backend).await;
    let replicas = [database.store().await, database.store().await];
    let account = stored(replicas[0].as_ref()).await;
    let creates = (0..64).map(|number| {
        let (store, key) = (Arc::clone(&replicas[number % 2]), new_key(account.id));
        tokio::spawn(async move { add(store.as_ref(), &key, 10, 1).await })
    });
    let made = join_all(creates.collect::<Vec<_>>()).await;
    assert_eq!(made.into_iter().filter(|made| *made.as_ref().unwrap()).count(), 10);
    assert_eq!(replicas[0].service_keys(account.id).await.unwrap().len(), 10);
}

/// Neither fails, and none is left of an account that is gone.
#[apply(on_both)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_is_made_while_its_account_is_deleted_is_gone_or_refused(backend: Backend) {
    let database = Database::new(backend).await;
    let replicas = [database.store().await, database.store().await];
    for _ in 0..10 {
        let account = stored(replicas[0].as_ref()).await;
        let keys: [_; 8] = std::array::from_fn(|_| new_key(account.id));
        let creates = keys.clone().map(|key| {
            let store = Arc::clone(&replicas[0]);
            tokio::spawn(async move { add(store.as_ref(), &key, 10, 1).await })
        });
        let deleted = replicas[1].service_account_delete(account.id, revoking(1));
        let (created, deleted) = tokio::join!(join_all(creates), deleted);
        assert!(deleted.unwrap());
        assert!(created.iter().all(Result::is_ok), "{created:?}");
        for key in keys {
            assert_eq!(replicas[0].service_key_find(key.digest).await.unwrap(), None);
        }
        assert!(replicas[0].service_keys(account.id).await.unwrap().is_empty());
    }
}

#[apply(on_both)]
#[tokio::test]
async fn one_token_is_revoked_by_its_id_and_the_account_stays(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let ServiceAccount { id, .. } = stored(store.as_ref()).await;
    let [token, other] = [Uuid::now_v7(), Uuid::now_v7()];
    assert!(store.service_token_account(id, token).await.unwrap().is_some());
    assert!(store.service_token_revoke(id, token, revoking(1)).await.unwrap());
    assert!(!store.service_token_revoke(id, token, revoking(2)).await.unwrap());
    assert_eq!(store.service_token_account(id, token).await.unwrap(), None);
    let live = store.service_token_account(id, other).await.unwrap();
    assert_eq!(live.map(|account| account.id), Some(id));
    assert_eq!(revoked(store.as_ref()).await, [Revoked::Token(token)]);
    let all = store.revocations_after(0, at(1), 9).await.unwrap();
    let [revocation] = &all[..] else { panic!("{all:?}") };
    let revocation = revocation.revocation;
    assert_eq!((revocation.not_before, revocation.expires_at), (at(1), at(901)));
    let kinds = [EventKind::ServiceAccountCreated, EventKind::ServiceTokenRevoked];
    assert_eq!(told(store.as_ref(), id).await, kinds);
}

#[apply(on_both)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_assertion_is_used_once_by_whichever_of_many_and_forgotten_when_it_has_expired(
    backend: Backend,
) {
    let database = Database::new(backend).await;
    let replicas = [database.store().await, database.store().await];
    let assertion = NewAssertion { digest: digest(), issued_at: at(0), expires_at: at(50) };
    let uses = (0..64).map(|number| {
        let store = Arc::clone(&replicas[number % 2]);
        tokio::spawn(async move { store.assertion_use(assertion).await.unwrap() })
    });
    let won = join_all(uses.collect::<Vec<_>>()).await;
    assert_eq!(won.into_iter().filter(|won| *won.as_ref().unwrap()).count(), 1);
    let store = &replicas[0];
    let other = NewAssertion { digest: digest(), ..assertion };
    assert!(store.assertion_use(other).await.unwrap(), "each by itself");
    let remove = async |before| store.ended_remove(Ended::Assertions, at(before), 1).await.unwrap();
    assert_eq!([remove(50).await, remove(51).await, remove(51).await], [0, 1, 1]);
    assert_eq!(remove(51).await, 0);
}
