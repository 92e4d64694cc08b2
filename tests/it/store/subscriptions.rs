//! Subscriptions, and their messages in the outbox.

use std::time::Duration;

use countersign::{
    domain::{Event, EventKind, EventKinds, Subscription},
    store::{
        Consequence, FailedDelivery, NewSubscription, Places, Resealed, SealedColumn, SealedEvent,
        Store, SubscriptionTarget, SubscriptionWork,
    },
};
use futures_util::future::join_all;
use rstest::rstest;
use rstest_reuse::apply;
use uuid::Uuid;

use super::{ACTOR, ADDRESS, at, new_message};
use crate::harness::{Backend, Database, on_both};

fn event(kind: EventKind, id: Uuid) -> Event {
    Event::of(kind, None, None, ACTOR, Some(ADDRESS), at(0)).about_subscription(id)
}

fn new_subscription() -> NewSubscription {
    let (id, kinds) = (Uuid::now_v7(), EventKinds::parse(&["registered".to_owned()]).unwrap());
    let (url, created_at) = ("https://example.com/a".to_owned(), at(0));
    let subscription = Subscription { id, url, kinds, created_at, disabled_at: None };
    NewSubscription { subscription, sealed_secret: vec![7] }
}

async fn create(store: &dyn Store, most: u32) -> Option<Subscription> {
    let new = new_subscription();
    let created = event(EventKind::SubscriptionCreated, new.subscription.id);
    let done = store.subscription_create(new.clone(), most, created).await.unwrap();
    done.then_some(new.subscription)
}

fn message(seconds: u64) -> SealedEvent {
    let id = Uuid::now_v7();
    let sealed = id.as_bytes().to_vec();
    SealedEvent { id, sealed, created_at: at(seconds), expires_at: at(1000) }
}

async fn work(store: &dyn Store, seconds: u64) -> SubscriptionWork {
    let work = store.subscriptions_work(at(seconds)).await.unwrap();
    let [work] = &work[..] else { panic!("{work:?}") };
    work.clone()
}

async fn claim(store: &dyn Store, id: Uuid, seconds: u64, most: usize) -> Vec<Uuid> {
    let (now, until) = (at(seconds), at(seconds + 60));
    let claimed = store.subscription_claim(id, now, until, most).await.unwrap();
    claimed.into_iter().map(|claimed| claimed.id).collect()
}

async fn kinds(store: &dyn Store) -> Vec<EventKind> {
    let found = store.events_after(0, 100).await.unwrap();
    found.into_iter().map(|found| found.event.kind).collect()
}

#[apply(on_both)]
#[tokio::test]
async fn it_begins_behind_all_that_is_committed_and_there_are_no_more_than_so_many(
    backend: Backend,
) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    for _ in 0..3 {
        store.event_append(event(EventKind::Registered, Uuid::nil()), None).await.unwrap();
    }
    let created = join_all((0..8).map(|_| create(store.as_ref(), 3))).await;
    let mut created: Vec<_> = created.into_iter().flatten().collect();
    assert_eq!(created.len(), 3, "of many at once, no more than may be");
    created.sort_by_key(|created| created.id);
    assert_eq!(store.subscriptions_list().await.unwrap(), created);
    let first = store.subscriptions_work(at(0)).await.unwrap()[0].clone();
    assert!(first.seq >= 3 && first.kinds == created[0].kinds, "{first:?}");
    store.events_number(100).await.unwrap();
    let told = store.events_after(3, 100).await.unwrap();
    assert_eq!(told.len(), 3);
    assert!(told.iter().all(|told| told.event.kind == EventKind::SubscriptionCreated));
    let ids: Vec<_> = told.iter().filter_map(|told| told.event.subscription_id).collect();
    assert!(created.iter().all(|created| ids.contains(&created.id)));
}

#[apply(on_both)]
#[tokio::test]
async fn events_are_enqueued_once_and_claimed_apart_from_messages_to_people(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let id = create(store.as_ref(), 1).await.unwrap().id;
    let before = work(store.as_ref(), 0).await;
    assert!(
        !before.is_behind
            && !before.is_due
            && !before.is_paused
            && !before.is_failing
            && before.queued == 0
    );
    let head = store.events_number(10).await.unwrap().head;
    assert!(work(store.as_ref(), 0).await.is_behind);
    let messages = [message(0), message(0), message(5)];
    let enqueue = |_| store.subscription_enqueue(id, before.seq, head, messages.to_vec());
    let done = join_all((0..4).map(enqueue)).await;
    assert_eq!(done.iter().filter(|done| *done.as_ref().unwrap()).count(), 1, "{done:?}");
    let now = work(store.as_ref(), 0).await;
    assert_eq!((now.seq, now.is_behind, now.queued, now.is_due), (head, false, 3, true));
    // No worker of messages to people gets them, and this one gets no others.
    let code = new_message();
    store.event_append(event(EventKind::Registered, id), Some(code.clone())).await.unwrap();
    let until = at(60);
    let claimed = store.outbox_claim(at(9), until, Places::any(10)).await.unwrap();
    assert_eq!(claimed.iter().map(|claimed| claimed.id).collect::<Vec<_>>(), [code.id]);
    assert!(claim(store.as_ref(), Uuid::now_v7(), 9, 10).await.is_empty());
    let ids = messages.map(|message| message.id);
    assert_eq!(claim(store.as_ref(), id, 1, 1).await, ids[..1]);
    assert_eq!(claim(store.as_ref(), id, 1, 10).await, ids[1..2], "the third is not due");
    assert_eq!(claim(store.as_ref(), id, 5, 10).await, ids[2..]);
    assert!(!work(store.as_ref(), 59).await.is_due);
    assert_eq!(claim(store.as_ref(), id, 61, 10).await, ids[..2], "their sender has vanished");
    store.subscription_succeeded(id, ids[0]).await.unwrap();
    assert_eq!(work(store.as_ref(), 61).await.queued, 2);
}

fn failed(id: Uuid, message: Uuid, tries: i32, seconds: u64) -> FailedDelivery {
    FailedDelivery {
        id,
        message,
        tries,
        now: at(seconds),
        next_try_at: at(seconds + 7),
        paused_until: None,
        failing_too_long: at(seconds).minus(Duration::from_secs(100)),
        is_gone: false,
        event: event(EventKind::SubscriptionDisabled, id),
    }
}

#[apply(on_both)]
#[tokio::test]
async fn one_that_fails_for_too_long_is_disabled_with_an_event_and_a_success_begins_anew(
    backend: Backend,
) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let id = create(store.as_ref(), 1).await.unwrap().id;
    let head = store.events_number(10).await.unwrap().head;
    let messages: Vec<_> = (0..3).map(|_| message(0)).collect();
    let ids: Vec<_> = messages.iter().map(|message| message.id).collect();
    assert!(store.subscription_enqueue(id, 0, head, messages).await.unwrap());
    assert_eq!(claim(store.as_ref(), id, 0, 10).await, ids);
    let fail = async |failed| store.subscription_failed(failed).await.unwrap();
    assert_eq!(fail(failed(id, ids[0], 1, 1)).await, Consequence::Begun);
    assert_eq!(fail(failed(id, ids[1], 1, 2)).await, Consequence::GoesOn);
    assert!(work(store.as_ref(), 2).await.is_failing);
    assert_eq!(claim(store.as_ref(), id, 8, 10).await, ids[..1]);
    // A sender that was too slow does not put off what another one has.
    assert_eq!(fail(failed(id, ids[0], 1, 9)).await, Consequence::GoesOn);
    assert!(!claim(store.as_ref(), id, 20, 10).await.contains(&ids[0]));
    store.subscription_succeeded(id, ids[0]).await.unwrap();
    assert!(!work(store.as_ref(), 20).await.is_failing);
    // The day begins with the next failure.
    let paused = FailedDelivery { paused_until: Some(at(90)), ..failed(id, ids[1], 2, 50) };
    assert_eq!(fail(paused).await, Consequence::Begun);
    let paused = async |seconds| work(store.as_ref(), seconds).await.is_paused;
    assert!(paused(50).await && paused(89).await && !paused(90).await);
    assert!(work(store.as_ref(), 89).await.is_due);
    assert_eq!(fail(failed(id, ids[2], 1, 149)).await, Consequence::GoesOn);
    let target = store.subscription_target(id).await.unwrap();
    let url = "https://example.com/a".to_owned();
    assert_eq!(target, Some(SubscriptionTarget { url, sealed_secret: vec![7] }));
    let ends = [150, 151].map(|seconds| store.subscription_failed(failed(id, ids[2], 1, seconds)));
    let mut ends: Vec<_> = join_all(ends).await.into_iter().map(Result::unwrap).collect();
    ends.sort_by_key(|end| *end == Consequence::None);
    assert_eq!(ends, [Consequence::Disabled, Consequence::None]);
    assert_eq!(store.subscription_target(id).await.unwrap(), None);
    assert!(store.subscriptions_work(at(200)).await.unwrap().is_empty());
    assert_eq!(database.number("SELECT COUNT(*) FROM outbox").await, 0);
    assert!(!store.subscription_enqueue(id, head, head + 1, vec![message(0)]).await.unwrap());
    assert!(store.subscriptions_list().await.unwrap()[0].disabled_at.is_some());
    store.events_number(10).await.unwrap();
    let expected = [EventKind::SubscriptionCreated, EventKind::SubscriptionDisabled];
    assert_eq!(kinds(store.as_ref()).await, expected);
}

#[apply(on_both)]
#[tokio::test]
async fn one_whose_receiver_is_gone_is_disabled_at_once(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let id = create(store.as_ref(), 1).await.unwrap().id;
    let gone = FailedDelivery { is_gone: true, ..failed(id, Uuid::now_v7(), 1, 1) };
    assert_eq!(store.subscription_failed(gone).await.unwrap(), Consequence::Disabled);
}

#[apply(on_both)]
#[tokio::test]
async fn one_that_is_deleted_takes_its_messages_with_it(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let (id, other) =
        (create(store.as_ref(), 2).await.unwrap().id, create(store.as_ref(), 2).await.unwrap().id);
    let head = store.events_number(10).await.unwrap().head;
    let kept = message(0);
    let other_from = store.subscriptions_work(at(0)).await.unwrap()[1].seq;
    assert!(store.subscription_enqueue(id, 0, head, vec![message(0)]).await.unwrap());
    assert!(store.subscription_enqueue(other, other_from, head, vec![kept.clone()]).await.unwrap());
    for done in [true, false] {
        let deleted = event(EventKind::SubscriptionDeleted, id);
        assert_eq!(store.subscription_delete(id, deleted).await.unwrap(), done);
    }
    assert!(!store.subscription_enqueue(id, head, head + 1, vec![message(0)]).await.unwrap());
    assert!(claim(store.as_ref(), id, 1, 10).await.is_empty());
    assert_eq!(claim(store.as_ref(), other, 1, 10).await, [kept.id]);
    store.events_number(10).await.unwrap();
    let deleted = EventKind::SubscriptionDeleted;
    assert_eq!(kinds(store.as_ref()).await.into_iter().filter(|kind| *kind == deleted).count(), 1);
}

/// `keys reencrypt` moves them to another master key.
#[apply(on_both)]
#[tokio::test]
async fn their_secrets_are_read_and_replaced_where_they_are_as_they_were_read(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let id = create(store.as_ref(), 1).await.unwrap().id;
    let column = SealedColumn::SubscriptionSecrets;
    assert_eq!(store.sealed_count(column).await.unwrap(), 1);
    let page = store.sealed_page(column, Uuid::nil(), 10).await.unwrap();
    assert_eq!((page[0].id, page[0].user_id, &page[0].sealed), (id, None, &vec![7]));
    for (from, to, done) in [(8, 9, 0), (7, 9, 1), (7, 8, 0)] {
        let resealed = Resealed { id, from: vec![from], to: vec![to] };
        assert_eq!(store.sealed_replace(column, vec![resealed]).await.unwrap(), done);
    }
    assert_eq!(store.subscription_target(id).await.unwrap().unwrap().sealed_secret, [9]);
}
