//! Callers that go away in the middle. tonic drops a handler's future then, at whatever it awaits.

use std::{pin::pin, sync::atomic::Ordering};

use countersign::{
    domain::{Actor, User},
    store::{NewUser, postgres},
};
use futures_util::poll;
use rstest::rstest;
use sqlx::{AssertSqlSafe, Executor as _};
use uuid::Uuid;

use crate::harness::{Backend, Database, clock::TestClock, eventually, unique};

fn new_user() -> NewUser {
    let username = unique("gone");
    let email = format!("{username}@example.com");
    NewUser {
        user: User::new(
            Uuid::now_v7(),
            username.clone(),
            email.clone(),
            TestClock::default().now(),
        ),
        email_key: email,
        username_key: username,
        claim_key: None,
        verify_by: None,
        password_hash: String::new(),
        request_id: None,
        verification: None,
        actor: Actor::Nobody,
        address: None,
    }
}

/// Guard one: a write that has begun runs to its end.
#[rstest]
#[tokio::test]
async fn a_write_that_has_begun_runs_to_its_end(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    for written in 1..=20 {
        database.begin_and_go(store.as_ref(), store.user_create(new_user())).await;
        let all = async || database.number("SELECT COUNT(*) FROM users").await == 2 * written - 1;
        eventually("the write", all).await;
        // The next one begins at once: after this, every place to write is free.
        assert!(store.user_create(new_user()).await.unwrap());
    }
}

/// Those who send and run leave nothing behind: what still waits for its turn to write goes with its caller.
#[tokio::test]
async fn a_write_that_has_not_begun_goes_with_its_caller() {
    let database = Database::new(Backend::Sqlite).await;
    let store = database.store().await;
    {
        let _others = database.keep_writers_waiting().await;
        let mut begun = pin!(store.user_create(new_user()));
        assert!(poll!(&mut begun).is_pending());
        let writing = store.writing();
        eventually("its beginning", async || writing.load(Ordering::Relaxed)).await;
        let mut waits = pin!(store.user_create(new_user()));
        assert!(poll!(&mut waits).is_pending());
    }
    // One writer, and turns: this one comes after both.
    assert!(store.user_create(new_user()).await.unwrap());
    assert_eq!(database.number("SELECT COUNT(*) FROM users").await, 2);
}

/// Guard two: a connection whose `begin` was cancelled is not handed out again. Statements on it would return Ok and never be
/// committed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_connection_is_handed_out_inside_a_transaction() {
    const WRITES: i64 = 200;
    let database = Database::new(Backend::Postgres).await;
    database.run("CREATE TABLE acknowledged (id BIGINT)").await;
    let pool = postgres::pool(&database.url, 2).await.unwrap();
    for id in 0..WRITES {
        {
            let mut lease = pool.acquire().await.unwrap();
            let mut begin = pin!(lease.begin());
            // Dropped at another point each time.
            for _ in 0..=id % 4 {
                if poll!(&mut begin).is_ready() {
                    break;
                }
                tokio::task::yield_now().await;
            }
        }
        let insert = AssertSqlSafe(format!("INSERT INTO acknowledged VALUES ({id})"));
        pool.acquire().await.unwrap().execute(insert).await.unwrap();
    }
    assert_eq!(database.number("SELECT COUNT(*) FROM acknowledged").await, WRITES);
}
