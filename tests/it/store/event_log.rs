//! Events in the order of their commits.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use countersign::{
    domain::{Event, EventKind},
    store::{Ended, EventPage, EventsState, Numbered, Store},
};
use rstest::rstest;
use rstest_reuse::apply;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use uuid::Uuid;

use super::{ACTOR, ADDRESS, at, revoking};
use crate::harness::{Backend, Database, eventually, on_both, soon};

fn event(user_id: Option<Uuid>, seconds: u64) -> Event {
    Event::of(EventKind::LoginFailed, user_id, None, ACTOR, Some(ADDRESS), at(seconds))
}

async fn append(store: &dyn Store, seconds: u64) -> Uuid {
    let event = event(None, seconds);
    store.event_append(event.clone(), None).await.unwrap();
    event.id
}

/// Ids and numbers after a number.
async fn after(store: &dyn Store, seq: i64, most: u32) -> Vec<(i64, Uuid)> {
    let found = store.events_after(seq, most).await.unwrap();
    found.into_iter().map(|found| (found.seq, found.event.id)).collect()
}

#[apply(on_both)]
#[tokio::test]
async fn events_get_numbers_once_they_are_committed_the_oldest_first(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let none = EventsState { head: 0, unnumbered_since: None };
    assert_eq!(store.events_state().await.unwrap(), none);
    assert_eq!(store.events_number(10).await.unwrap(), Numbered { count: 0, head: 0 });
    let mut ids = Vec::new();
    for seconds in [7, 5, 6] {
        ids.push(append(store.as_ref(), seconds).await);
    }
    let state = EventsState { head: 0, unnumbered_since: Some(at(7)) };
    assert_eq!(store.events_state().await.unwrap(), state, "the first, whatever its time");
    assert!(after(store.as_ref(), 0, 10).await.is_empty(), "none has a number yet");
    assert_eq!(store.events_number(2).await.unwrap(), Numbered { count: 2, head: 2 });
    assert_eq!(store.events_number(2).await.unwrap(), Numbered { count: 1, head: 3 });
    let state = EventsState { head: 3, unnumbered_since: None };
    assert_eq!(store.events_state().await.unwrap(), state);
    let numbered: Vec<_> = (1..).zip(ids).collect();
    assert_eq!(after(store.as_ref(), 0, 10).await, numbered);
    assert_eq!(after(store.as_ref(), 1, 1).await, numbered[1..2]);
    assert!(after(store.as_ref(), 3, 10).await.is_empty());
}

/// What the janitor has removed is passed over, and no number is given again.
#[apply(on_both)]
#[tokio::test]
async fn a_number_that_is_gone_is_not_given_again(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    for seconds in [1, 1, 9] {
        append(store.as_ref(), seconds).await;
    }
    store.events_number(10).await.unwrap();
    assert_eq!(store.ended_remove(Ended::Events, at(5), 10).await.unwrap(), 2);
    let numbers = async |seq| {
        let found = after(store.as_ref(), seq, 10).await;
        found.into_iter().map(|(seq, _)| seq).collect::<Vec<_>>()
    };
    assert_eq!((numbers(0).await, numbers(1).await), (vec![3], vec![3]));
    database.run("DELETE FROM events").await;
    append(store.as_ref(), 9).await;
    store.events_number(10).await.unwrap();
    assert_eq!(numbers(0).await, [4]);
}

/// Transactions commit in another order than they began, replicas number at once, and a reader follows: it gets every event once, in the order
/// of the numbers, and one that began after the commit of another one comes after it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_postgres_numbers_are_in_the_order_of_the_commits() {
    const SLOW: usize = 24;
    let database = Database::new(Backend::Postgres).await;
    let replicas: [Arc<dyn Store>; 3] =
        [database.store().await, database.store().await, database.store().await];
    let mut open = Vec::new();
    for _ in 0..SLOW {
        let (id, mut connection) =
            (Uuid::now_v7(), PgConnection::connect(&database.url).await.unwrap());
        let begin = format!(
            "BEGIN; INSERT INTO events (id, kind, at) VALUES ('{id}', 'registered', now())"
        );
        connection.execute(AssertSqlSafe(begin)).await.unwrap();
        open.push((id, Some(connection)));
    }
    let numbering = replicas[..2].iter().map(|store| {
        let store = Arc::clone(store);
        tokio::spawn(async move {
            loop {
                store.events_number(3).await.unwrap();
            }
        })
    });
    let numbering: Vec<_> = numbering.collect();
    let writer = async {
        let mut pairs = Vec::new();
        for place in (0..SLOW).map(|number| number * 7 % SLOW) {
            let (id, connection) = &mut open[place];
            let mut connection = connection.take().unwrap();
            connection.execute("COMMIT").await.unwrap();
            pairs.push((*id, append(replicas[2].as_ref(), 0).await));
        }
        pairs
    };
    let reader = async {
        let mut seen: Vec<(i64, Uuid)> = Vec::new();
        while seen.len() < 2 * SLOW {
            let last = seen.last().map_or(0, |(seq, _)| *seq);
            seen.extend(after(replicas[2].as_ref(), last, 5).await);
        }
        seen
    };
    let both = async { tokio::join!(writer, reader) };
    let (pairs, seen) = soon("all of them", both).await;
    for round in numbering {
        assert!(!round.is_finished(), "a round has failed");
        round.abort();
    }
    let numbers: Vec<_> = seen.iter().map(|(seq, _)| *seq).collect();
    assert_eq!(numbers, (1..).take(2 * SLOW).collect::<Vec<_>>(), "a gap, or something twice");
    let ids: BTreeSet<_> = seen.iter().map(|(_, id)| *id).collect();
    assert_eq!(ids.len(), 2 * SLOW);
    let number = |wanted: Uuid| seen.iter().find(|(_, id)| *id == wanted).unwrap().0;
    for (first, second) in pairs {
        assert!(number(first) < number(second), "it began after the other's commit");
    }
}

/// A login writes an event: it must not wait for those who number.
#[tokio::test]
async fn on_postgres_nobody_who_writes_an_event_waits_for_a_round() {
    let database = Database::new(Backend::Postgres).await;
    let store = database.store().await;
    append(store.as_ref(), 1).await;
    let held = database.lock("event_head").await;
    soon("an event", append(store.as_ref(), 1)).await;
    let round = tokio::spawn({
        let store = Arc::clone(&store);
        async move { store.events_number(10).await }
    });
    let waits = "SELECT COUNT(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' \
         AND query LIKE 'UPDATE event_head%' AND datname = current_database()";
    eventually("the round", async || database.number(waits).await == 1).await;
    soon("an event", append(store.as_ref(), 1)).await;
    drop(held);
    // What was committed while it waited is in it.
    assert_eq!(soon("the round", round).await.unwrap().unwrap(), Numbered { count: 3, head: 3 });
}

#[apply(on_both)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_and_rounds_at_once_lose_nothing(backend: Backend) {
    const EACH: usize = 20;
    let database = Database::new(backend).await;
    let replicas: [Arc<dyn Store>; 2] = [database.store().await, database.store().await];
    let writers: Vec<_> = (0..2 * EACH)
        .map(|number| {
            let store = Arc::clone(&replicas[number % 2]);
            tokio::spawn(async move {
                append(store.as_ref(), 0).await;
                store.events_number(4).await.unwrap();
            })
        })
        .collect();
    for writer in writers {
        soon("a writer", writer).await.unwrap();
    }
    while replicas[0].events_number(100).await.unwrap().count > 0 {}
    let seen: Vec<_> =
        after(replicas[0].as_ref(), 0, 1000).await.into_iter().map(|(seq, _)| seq).collect();
    assert_eq!(seen, (1..).take(2 * EACH).collect::<Vec<_>>());
}

/// What followers have seen since must not be given out again.
#[apply(on_both)]
#[tokio::test]
async fn after_a_restore_numbers_go_on_beyond_all_that_were_seen(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    append(store.as_ref(), 1).await;
    store.events_number(10).await.unwrap();
    let restoration = countersign::store::Restoration {
        at: revoking(5),
        spent_step: 0,
        deletions_wait_until: at(1000),
        keep_recovery_codes: false,
    };
    store.restored_begin(restoration).await.unwrap();
    store.events_number(10).await.unwrap();
    let found = after(store.as_ref(), 1_000_000, 10).await;
    assert_eq!(found.iter().map(|(seq, _)| *seq).collect::<Vec<_>>(), [at(5).unix_micros() + 1]);
}

#[apply(on_both)]
#[tokio::test]
async fn pages_go_by_time_and_id_and_skip_none_of_the_same_moment(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let alice = Uuid::now_v7();
    let mut written = Vec::new();
    for (seconds, user) in [(1, None), (2, Some(alice)), (2, None), (2, Some(alice)), (3, None)] {
        let event = event(user, seconds);
        store.event_append(event.clone(), None).await.unwrap();
        written.push(event);
    }
    written.reverse();
    let (begin, end) = ((at(100), Uuid::nil()), at(0));
    let page = async |page| store.events_page(page).await.unwrap();
    let all = EventPage { user_id: None, from: end, before: begin, most: 2 };
    let (mut seen, mut before) = (Vec::new(), begin);
    loop {
        let found = page(EventPage { before, ..all }).await;
        let Some(last) = found.last() else { break };
        before = (last.at, last.id);
        seen.extend(found);
    }
    assert_eq!(seen, written);
    let of_alice = EventPage { user_id: Some(alice), most: 10, ..all };
    assert_eq!(page(of_alice).await, [written[1].clone(), written[3].clone()]);
    let since = EventPage { from: at(2), before: (at(3), Uuid::nil()), most: 10, ..all };
    assert_eq!(page(since).await, written[1..4], "from is in it, and before is not");
    let ages = EventPage { from: at(2).plus(Duration::from_micros(1)), ..of_alice };
    assert!(page(ages).await.is_empty());
}
