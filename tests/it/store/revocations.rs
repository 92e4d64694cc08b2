//! Revocations.

use std::sync::Arc;

use countersign::{
    domain::Revoked,
    store::{NumberedRevocation, Revoking, Store},
};
use futures_util::future::join_all;
use rstest::rstest;
use rstest_reuse::apply;
use sqlx::Executor as _;
use tokio::sync::Notify;
use uuid::Uuid;

use super::{KNOWN_DEVICE, NO_FAILURES, NO_LIMIT, at, revoking, session_of, stored_user};
use crate::harness::{Backend, Database, on_both, soon};

/// Ends a new session whose tokens live for that many seconds, and gives its id.
async fn revoke(store: &dyn Store, tokens_expire_at: u64) -> Uuid {
    let user = stored_user(store).await;
    let session = session_of(user.user.id);
    assert!(
        store
            .session_create(session.clone(), 1, NO_FAILURES, NO_LIMIT, KNOWN_DEVICE)
            .await
            .unwrap()
            .is_some()
    );
    let revoking = Revoking { tokens_expire_at: at(tokens_expire_at), ..revoking(1) };
    assert!(store.session_revoke(session.id, user.user.id, revoking).await.unwrap());
    session.id
}

#[apply(on_both)]
#[tokio::test]
async fn those_that_still_matter_are_read_in_order_from_any_number_on(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    assert_eq!(store.revocation_head().await.unwrap(), 0);
    let mut sessions = Vec::new();
    for tokens_expire_at in [900, 20, 900, 900] {
        sessions.push(revoke(store.as_ref(), tokens_expire_at).await);
    }
    assert_eq!(store.revocation_head().await.unwrap(), 4);
    let numbers = async |seq, now, limit| {
        let found = store.revocations_after(seq, at(now), limit).await.unwrap();
        found.into_iter().map(|found| found.seq).collect::<Vec<_>>()
    };
    assert_eq!(numbers(0, 19, 100).await, [1, 2, 3, 4]);
    assert_eq!(numbers(0, 20, 100).await, [1, 3, 4], "all tokens of the second have expired");
    assert_eq!(numbers(1, 19, 2).await, [2, 3]);
    assert!(numbers(4, 19, 100).await.is_empty());
    let first = store.revocations_after(0, at(19), 1).await.unwrap();
    let [NumberedRevocation { seq: 1, revocation }] = first[..] else { panic!("{first:?}") };
    assert_eq!(revocation.subject, Revoked::Session(sessions[0]));
    assert_eq!((revocation.not_before, revocation.expires_at), (at(1), at(900)));
}

#[apply(on_both)]
#[tokio::test]
async fn one_of_a_user_is_read_as_such_and_what_is_neither_is_refused(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    revoke(store.as_ref(), 900).await;
    database.run("UPDATE revocations SET user_id = session_id, session_id = NULL").await;
    let found = store.revocations_after(0, at(1), 1).await.unwrap();
    assert!(matches!(found[0].revocation.subject, Revoked::User(_)), "{found:?}");
}

/// Several replicas write at once; whoever reads meanwhile never sees a number before one that is still to come.
#[apply(on_both)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn numbers_appear_in_their_order(backend: Backend) {
    const EACH: usize = 15;
    let database = Database::new(backend).await;
    let replicas: [Arc<dyn Store>; 3] =
        [database.store().await, database.store().await, database.store().await];
    let writers = replicas[..2].iter().flat_map(|store| {
        (0..EACH).map(|_| {
            let store = Arc::clone(store);
            tokio::spawn(async move { revoke(store.as_ref(), 900).await })
        })
    });
    let writers = join_all(writers.collect::<Vec<_>>());
    let wanted: Vec<_> = (1..).take(2 * EACH).collect();
    let reader = async {
        let mut seen = Vec::new();
        while seen.len() < wanted.len() {
            let last = seen.last().copied().unwrap_or(0);
            let found = replicas[2].revocations_after(last, at(1), 1000).await.unwrap();
            seen.extend(found.into_iter().map(|found| found.seq));
        }
        seen
    };
    let (sessions, seen) = tokio::join!(writers, soon("the revocations", reader));
    assert_eq!((sessions.len(), seen), (wanted.len(), wanted));
}

#[tokio::test]
async fn on_postgres_a_revocation_is_announced_when_it_is_committed() {
    let database = Database::new(Backend::Postgres).await;
    let (store, other) = (database.store().await, database.store().await);
    let heard = Notify::new();
    let listen = store.hear_revocations(&heard);
    let script = async {
        soon("listening", heard.notified()).await;
        revoke(other.as_ref(), 900).await;
        soon("the announcement", heard.notified()).await;
        // Not before: somebody who holds the numbers has not committed yet.
        let mut holds = database.lock("revocation_head").await;
        let waits = revoke(other.as_ref(), 900);
        tokio::pin!(waits);
        tokio::select! {
            biased;
            () = heard.notified() => panic!("it was announced before it was committed"),
            _ = &mut waits => panic!("two hold the numbers at a time"),
            waiting = waiting_for_the_head(&database) => assert_eq!(waiting, 1),
        }
        holds.execute("ROLLBACK").await.unwrap();
        soon("the revocation", waits).await;
        soon("the announcement", heard.notified()).await;
    };
    tokio::select! {
        () = listen => unreachable!("it listens for ever"),
        () = script => {}
    }
}

/// Waits until a statement waits for a lock on the row that numbers revocations, and says how many do.
async fn waiting_for_the_head(database: &Database) -> i64 {
    loop {
        let waiting = database
            .number("SELECT COUNT(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'UPDATE revocation_head%' AND datname = current_database()")
            .await;
        if waiting > 0 {
            return waiting;
        }
    }
}
