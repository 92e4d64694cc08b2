//! Encrypted values as such.

use countersign::store::{Resealed, SealedColumn, SealedValue, Store, WrappedKey};
use rstest::rstest;
use rstest_reuse::apply;
use uuid::Uuid;

use super::{at, factors::enrolled, new_challenge, new_message, signing_keys::key, stored_user};
use crate::harness::{Backend, Database, on_both};

const COLUMNS: [SealedColumn; 3] =
    [SealedColumn::SigningKeys, SealedColumn::TotpSecrets, SealedColumn::Messages];

fn wrapped(name: &str, sealed: &[u8]) -> WrappedKey {
    WrappedKey { name: name.to_owned(), sealed: sealed.to_vec() }
}

async fn page(store: &dyn Store, column: SealedColumn, after: Uuid, most: u32) -> Vec<SealedValue> {
    store.sealed_page(column, after, most).await.unwrap()
}

#[apply(on_both)]
#[tokio::test]
async fn a_wrapped_key_is_stored_once_and_replaced_where_it_is_as_it_was_read(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let (first, rival, other) = (wrapped("b", &[1]), wrapped("b", &[2]), wrapped("a", &[3]));
    assert_eq!(store.wrapped_keys().await.unwrap(), []);
    for (key, made) in [(&first, true), (&rival, false), (&other, true)] {
        assert_eq!(store.wrapped_key_create(key.clone(), at(0)).await.unwrap(), made);
    }
    assert_eq!(store.wrapped_keys().await.unwrap(), [other.clone(), first.clone()]);
    let replace =
        async |read: &WrappedKey| store.wrapped_key_replace(read.clone(), vec![9]).await.unwrap();
    assert!(!replace(&rival).await, "not what is stored");
    assert!(replace(&first).await);
    assert!(!replace(&first).await, "again");
    assert_eq!(store.wrapped_keys().await.unwrap(), [other, wrapped("b", &[9])]);
}

#[apply(on_both)]
#[tokio::test]
async fn of_many_who_store_a_key_at_once_one_does(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let create = |number: u8| store.wrapped_key_create(wrapped("a", &[number]), at(0));
    let made = futures_util::future::join_all((0..16).map(create)).await;
    let winners: Vec<_> = (0..16).filter(|number| *made[*number].as_ref().unwrap()).collect();
    assert_eq!(winners.len(), 1);
    let stored = store.wrapped_keys().await.unwrap();
    assert_eq!(stored, [wrapped("a", &[winners[0].try_into().unwrap()])]);
}

#[apply(on_both)]
#[tokio::test]
async fn values_are_read_with_their_places_but_for_keys_that_are_erased(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let (kept, erased) = (key("ES256", 1), key("ES256", 2));
    for key in [&kept, &erased] {
        store.signing_key_create(key.clone()).await.unwrap();
    }
    store.signing_key_erase(erased.id).await.unwrap();
    let (user, app) = enrolled(store.as_ref()).await;
    let pages = [
        SealedValue { id: kept.id, user_id: None, sealed: kept.sealed_private_key },
        SealedValue { id: app.id, user_id: Some(user.user.id), sealed: app.sealed_secret },
    ];
    for (column, expected) in COLUMNS.into_iter().zip(pages) {
        assert_eq!(store.sealed_count(column).await.unwrap(), 1);
        assert_eq!(page(store.as_ref(), column, Uuid::nil(), 9).await, [expected]);
    }
    // The notice that there is an app.
    let messages = page(store.as_ref(), SealedColumn::Messages, Uuid::nil(), 9).await;
    assert_eq!((messages.len(), messages[0].user_id), (1, None));
    assert_eq!(messages[0].sealed, messages[0].id.as_bytes());
    assert_eq!(store.sealed_count(SealedColumn::Messages).await.unwrap(), 1);
}

#[apply(on_both)]
#[tokio::test]
async fn pages_follow_one_another_and_leave_nothing_out(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let user = stored_user(store.as_ref()).await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        let message = new_message();
        ids.push(message.id);
        store.challenge_create(new_challenge(&user), Some(message)).await.unwrap();
    }
    ids.sort_unstable();
    let (mut found, mut after) = (Vec::new(), Uuid::nil());
    loop {
        let page = page(store.as_ref(), SealedColumn::Messages, after, 2).await;
        let Some(last) = page.last() else { break };
        assert!(page.len() <= 2);
        after = last.id;
        found.extend(page.iter().map(|value| value.id));
    }
    assert_eq!(found, ids);
}

#[apply(on_both)]
#[tokio::test]
async fn what_was_changed_or_removed_since_it_was_read_is_not_replaced(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    store.signing_key_create(key("ES256", 1)).await.unwrap();
    enrolled(store.as_ref()).await;
    for column in COLUMNS {
        let value = page(store.as_ref(), column, Uuid::nil(), 1).await.remove(0);
        let resealed = |from: &[u8], to: &[u8]| Resealed {
            id: value.id,
            from: from.to_vec(),
            to: to.to_vec(),
        };
        let replace = async |resealed| store.sealed_replace(column, vec![resealed]).await.unwrap();
        assert_eq!(replace(resealed(b"another", b"new")).await, 0, "{column:?}");
        let gone = Resealed { id: Uuid::now_v7(), ..resealed(&value.sealed, b"new") };
        assert_eq!(replace(gone).await, 0, "{column:?}");
        assert_eq!(replace(resealed(&value.sealed, b"new")).await, 1, "{column:?}");
        assert_eq!(replace(resealed(&value.sealed, b"newer")).await, 0, "{column:?}");
        let stored = page(store.as_ref(), column, Uuid::nil(), 1).await.remove(0);
        assert_eq!(stored, SealedValue { sealed: b"new".to_vec(), ..value.clone() });
    }
}
