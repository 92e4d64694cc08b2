//! The outbox.

use std::{collections::HashSet, sync::Arc, time::Duration};

use countersign::domain::CLOCK_SKEW;
use countersign::store::{
    ClaimedMessage, Hold, OutboxState, Places, Priority, Rest, SealedMessage, Store,
};
use rstest::rstest;
use rstest_reuse::apply;

use super::{at, new_challenge, new_message, stored_user};
use crate::harness::{Backend, Database, on_both};

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

pub fn rest_until(seconds: u64) -> Rest {
    Rest { since: at(0), until: at(seconds) }
}

/// What is recalled at that time gives its sender a lease of a minute.
pub async fn recall(store: &dyn Store, seconds: u64) -> u64 {
    store.outbox_recall(Rest::of(at(seconds), Duration::from_secs(60)), CLOCK_SKEW).await.unwrap()
}

#[apply(on_both)]
#[tokio::test]
async fn a_message_is_claimed_as_it_was_written_and_is_gone_when_it_is_removed(backend: Backend) {
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

#[apply(on_both)]
#[tokio::test]
async fn nobody_else_gets_what_was_claimed_until_the_lease_runs_out(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    put(store.as_ref(), &[new_message()]).await;
    assert_eq!(claim(store.as_ref(), 0, 8).await.len(), 1);
    assert_eq!(claim(store.as_ref(), 59, 8).await, []);
    let again = claim(store.as_ref(), 60, 8).await;
    assert_eq!(again[0].tries, 2);
}

#[apply(on_both)]
#[tokio::test]
async fn a_message_that_is_put_off_waits_unless_somebody_else_has_it_by_then(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    put(store.as_ref(), &[new_message()]).await;
    let first = claim(store.as_ref(), 0, 8).await.remove(0);
    store.outbox_postpone(first.id, first.tries, rest_until(5)).await.unwrap();
    assert_eq!(claim(store.as_ref(), 4, 8).await, []);
    assert_eq!(claim(store.as_ref(), 5, 8).await[0].tries, 2);
    // The first one was slow, and its lease is over: it has no say any more.
    store.outbox_postpone(first.id, first.tries, rest_until(6)).await.unwrap();
    assert_eq!(claim(store.as_ref(), 64, 8).await, []);
}

/// It was on its way when the sending ended. It must not take the message from whoever claims it next.
#[apply(on_both)]
#[tokio::test]
async fn a_renewal_that_comes_after_the_end_changes_nothing(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    put(store.as_ref(), &[new_message()]).await;
    let first = claim(store.as_ref(), 0, 8).await.remove(0);
    let renew = async || store.outbox_renew(first.id, first.tries, rest_until(99)).await.unwrap();
    assert_eq!(renew().await, Hold::Held);
    store.outbox_postpone(first.id, first.tries, rest_until(5)).await.unwrap();
    assert_eq!(renew().await, Hold::Lost);
    assert_eq!(claim(store.as_ref(), 5, 8).await[0].tries, 2);
    assert_eq!(renew().await, Hold::Lost, "somebody else has it");
}

/// What a replica leaves behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Left {
    New,
    InFlight,
    /// For half an hour.
    Failed,
}

/// By a clock that was ahead, and to one that is right.
#[apply(on_both)]
#[case::new(Left::New, 121, 0)]
#[case::new_by_a_clock_as_far_ahead_as_it_may_be(Left::New, 120, 120)]
#[case::in_flight(Left::InFlight, 121, 60)]
#[case::in_flight_by_a_clock_a_year_ahead(Left::InFlight, 31_536_000, 60)]
#[case::in_flight_by_a_clock_as_far_ahead_as_it_may_be(Left::InFlight, 120, 180)]
#[case::failed(Left::Failed, 121, 0)]
#[case::failed_by_a_clock_a_year_ahead(Left::Failed, 31_536_000, 0)]
#[case::failed_by_a_clock_as_far_ahead_as_it_may_be(Left::Failed, 120, 1920)]
#[tokio::test]
async fn a_message_rests_no_longer_than_its_kind_may(
    #[case] left: Left,
    #[case] ahead: u64,
    #[case] due: u64,
    #[values(Priority::LoginCode, Priority::Code, Priority::Notice)] priority: Priority,
    backend: Backend,
) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let message = SealedMessage { priority, created_at: at(ahead), ..new_message() };
    put(store.as_ref(), &[message]).await;
    if left != Left::New {
        let claimed = claim(store.as_ref(), ahead, 1).await.remove(0);
        if left == Left::Failed {
            let rest = Rest::of(at(ahead), Duration::from_secs(1800));
            store.outbox_postpone(claimed.id, claimed.tries, rest).await.unwrap();
        }
    }
    assert_eq!(recall(store.as_ref(), 0).await, u64::from(ahead > 120));
    assert_eq!(recall(store.as_ref(), 0).await, 0, "once is enough");
    let due_since = store.outbox_state(at(100_000_000)).await.unwrap().due_since;
    assert_eq!(due_since[priority as usize], Some(at(due)));
    if due > 0 {
        assert_eq!(claim(store.as_ref(), due - 1, 8).await, []);
    }
    let tries = if left == Left::New { 1 } else { 2 };
    assert_eq!(claim(store.as_ref(), due, 8).await[0].tries, tries);
}

/// Which does not say when their rest began: an hour is the longest that it may be.
#[apply(on_both)]
#[case(3600 + 120, 0)]
#[case(3600 + 121, 1)]
#[tokio::test]
async fn a_message_of_an_earlier_release_rests_no_longer_than_any_may(
    #[case] seconds: u64,
    #[case] recalled: u64,
    backend: Backend,
) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    put(store.as_ref(), &[SealedMessage { created_at: at(seconds), ..new_message() }]).await;
    database.run("UPDATE outbox SET waits_since = NULL").await;
    assert_eq!(recall(store.as_ref(), 0).await, recalled);
    assert_eq!(claim(store.as_ref(), 0, 8).await.len() as u64, recalled);
}

#[apply(on_both)]
#[tokio::test]
async fn what_was_never_tried_goes_before_what_keeps_failing(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let (failing, fresh) = (new_message(), SealedMessage { created_at: at(90), ..new_message() });
    put(store.as_ref(), std::slice::from_ref(&failing)).await;
    claim(store.as_ref(), 0, 8).await;
    put(store.as_ref(), std::slice::from_ref(&fresh)).await;
    assert_eq!(claim(store.as_ref(), 90, 1).await[0].id, fresh.id);
    assert_eq!(claim(store.as_ref(), 90, 1).await[0].id, failing.id);
}

#[apply(on_both)]
#[tokio::test]
async fn the_state_tells_since_when_the_oldest_of_each_priority_is_due(backend: Backend) {
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
    store.outbox_postpone(first.id, first.tries, rest_until(4)).await.unwrap();
    assert_eq!(due_since(9).await, [None, Some(at(4)), Some(at(7))]);
}

/// Expired ones too: whoever claims them gives them up, and tells.
#[apply(on_both)]
#[tokio::test]
async fn an_expired_message_is_claimed_like_any_other(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    put(store.as_ref(), &[new_message()]).await;
    assert_eq!(claim(store.as_ref(), 9000, 8).await[0].expires_at, at(300));
}

#[apply(on_both)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_replicas_one_gets_each_message(backend: Backend) {
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
