//! The outbox.

use std::{collections::HashSet, sync::Arc};

use countersign::store::{ClaimedMessage, OutboxState, Places, Priority, SealedMessage, Store};
use rstest::rstest;

use super::{at, new_challenge, new_message, stored_user};
use crate::harness::{Backend, Database};

/// Puts messages into the outbox, the way a login does.
pub async fn put(store: &dyn Store, messages: &[SealedMessage]) {
    let user = stored_user(store).await;
    for message in messages {
        store.challenge_create(new_challenge(&user), Some(message.clone())).await.unwrap();
    }
}

pub async fn claim(store: &dyn Store, seconds: u64, most: usize) -> Vec<ClaimedMessage> {
    store.outbox_claim(at(seconds), at(seconds + 60), Places::any(most)).await.unwrap()
}

#[rstest]
#[tokio::test]
async fn a_message_is_claimed_as_it_was_written_and_is_gone_when_it_is_removed(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let message = new_message();
    put(store.as_ref(), std::slice::from_ref(&message)).await;
    let state = async |seconds| store.outbox_state(at(seconds)).await.unwrap();
    let (due, not_due) = ([Some(at(0)), None, None], [None; 3]);
    assert_eq!(state(9).await, OutboxState { waiting: 1, due_since: due });
    let SealedMessage { id, sealed, expires_at, priority, .. } = message;
    let claimed = ClaimedMessage { id, sealed, tries: 1, unsure: 0, expires_at, priority };
    assert_eq!(claim(store.as_ref(), 0, 8).await, [claimed]);
    assert_eq!(state(59).await, OutboxState { waiting: 1, due_since: not_due });
    store.outbox_remove(id).await.unwrap();
    store.outbox_remove(id).await.unwrap();
    assert_eq!(state(60).await, OutboxState { waiting: 0, due_since: not_due });
}

#[rstest]
#[tokio::test]
async fn nobody_else_gets_what_was_claimed_until_the_lease_runs_out(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    put(store.as_ref(), &[new_message()]).await;
    assert_eq!(claim(store.as_ref(), 0, 8).await.len(), 1);
    assert_eq!(claim(store.as_ref(), 59, 8).await, []);
    let again = claim(store.as_ref(), 60, 8).await;
    assert_eq!(again[0].tries, 2);
}

#[rstest]
#[tokio::test]
async fn a_message_that_is_put_off_waits_unless_somebody_else_has_it_by_then(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    put(store.as_ref(), &[new_message()]).await;
    let first = claim(store.as_ref(), 0, 8).await.remove(0);
    store.outbox_postpone(first.id, first.tries, at(5)).await.unwrap();
    assert_eq!(claim(store.as_ref(), 4, 8).await, []);
    assert_eq!(claim(store.as_ref(), 5, 8).await[0].tries, 2);
    // The first one was slow, and its lease is over: it has no say any more.
    store.outbox_postpone(first.id, first.tries, at(6)).await.unwrap();
    assert_eq!(claim(store.as_ref(), 64, 8).await, []);
}

/// New ones, claimed ones and ones that were put off, by a clock that was ahead.
#[rstest]
#[tokio::test]
async fn messages_that_rest_for_too_long_are_recalled_and_no_others(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let message =
        |priority, seconds| SealedMessage { priority, created_at: at(seconds), ..new_message() };
    put(store.as_ref(), &[message(Priority::Notice, 9000), message(Priority::Code, 181)]).await;
    put(store.as_ref(), &[message(Priority::LoginCode, 9000), message(Priority::Code, 180)]).await;
    assert_eq!(claim(store.as_ref(), 9000, 1).await.len(), 1, "rests until 9060");
    let recall = async || store.outbox_recall(at(0), at(180)).await.unwrap();
    assert_eq!([recall().await, recall().await], [3, 0]);
    let due = store.outbox_state(at(0)).await.unwrap().due_since;
    assert_eq!(due, [Some(at(0)), Some(at(0)), Some(at(0))]);
    let claimed = claim(store.as_ref(), 0, 8).await;
    let tries: Vec<_> = claimed.iter().map(|message| (message.priority, message.tries)).collect();
    let tries_wanted = [(Priority::LoginCode, 2), (Priority::Code, 1), (Priority::Notice, 1)];
    assert_eq!(tries, tries_wanted);
}

#[rstest]
#[tokio::test]
async fn what_was_never_tried_goes_before_what_keeps_failing(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let (failing, fresh) = (new_message(), SealedMessage { created_at: at(90), ..new_message() });
    put(store.as_ref(), std::slice::from_ref(&failing)).await;
    claim(store.as_ref(), 0, 8).await;
    put(store.as_ref(), std::slice::from_ref(&fresh)).await;
    assert_eq!(claim(store.as_ref(), 90, 1).await[0].id, fresh.id);
    assert_eq!(claim(store.as_ref(), 90, 1).await[0].id, failing.id);
}

#[rstest]
#[tokio::test]
async fn the_state_tells_since_when_the_oldest_of_each_priority_is_due(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let message =
        |priority, seconds| SealedMessage { priority, created_at: at(seconds), ..new_message() };
    let messages = [(Priority::Notice, 7), (Priority::Code, 5), (Priority::Code, 3)];
    put(store.as_ref(), &messages.map(|(priority, seconds)| message(priority, seconds))).await;
    let due_since = async |seconds| store.outbox_state(at(seconds)).await.unwrap().due_since;
    assert_eq!(due_since(2).await, [None; 3]);
    assert_eq!(due_since(9).await, [None, Some(at(3)), Some(at(7))]);
    // What is being sent is due when the lease runs out, and what was put off when it was put off to.
    let first = claim(store.as_ref(), 9, 1).await.remove(0);
    assert_eq!(due_since(9).await, [None, Some(at(5)), Some(at(7))]);
    store.outbox_postpone(first.id, first.tries, at(4)).await.unwrap();
    assert_eq!(due_since(9).await, [None, Some(at(4)), Some(at(7))]);
}

/// Expired ones too: whoever claims them gives them up, and tells.
#[rstest]
#[tokio::test]
async fn an_expired_message_is_claimed_like_any_other(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    put(store.as_ref(), &[new_message()]).await;
    assert_eq!(claim(store.as_ref(), 9000, 8).await[0].expires_at, at(300));
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_replicas_one_gets_each_message(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    const MESSAGES: usize = 40;
    let database = Database::new(backend).await;
    let mut replicas: Vec<Arc<dyn Store>> = Vec::new();
    for _ in 0..4 {
        replicas.push(database.store().await);
    }
    let messages: Vec<_> = std::iter::repeat_with(new_message).take(MESSAGES).collect();
    put(replicas[0].as_ref(), &messages).await;
    let claims = replicas.iter().map(|store| async move {
        let mut ids = Vec::new();
        loop {
            let claimed = claim(store.as_ref(), 0, 3).await;
            // A rival may have been faster with these three, and more may be left.
            if claimed.is_empty() && store.outbox_state(at(0)).await.unwrap().due_since == [None; 3]
            {
                return ids;
            }
            ids.extend(claimed.into_iter().map(|message| message.id));
        }
    });
    let ids: Vec<_> = futures_util::future::join_all(claims).await.concat();
    assert_eq!(ids.len(), MESSAGES);
    assert_eq!(ids.iter().collect::<HashSet<_>>().len(), MESSAGES);
}
