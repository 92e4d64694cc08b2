//! What holds for every operation: its connection is judged by its answer, it is counted, and its failure says whose it is.

use countersign::store::{self, Error, Store};
use futures_util::future::join_all;
use prometheus_client::{encoding::text::encode, registry::Registry};
use rstest::rstest;
use rstest_reuse::apply;
use uuid::Uuid;

use super::{at, new_challenge, new_user, stored_user};
use crate::harness::{Backend, Database, on_both};

/// How often an operation has ended, by result.
fn counts(store: &dyn Store, operation: &str) -> Vec<(String, u64)> {
    let mut registry = Registry::default();
    store.operations().register(&mut registry);
    let mut text = String::new();
    encode(&mut text, &registry).unwrap();
    let start = format!(
        r#"countersign_store_operation_duration_seconds_count{{operation="{operation}",result=""#
    );
    let counts = text.lines().filter_map(|line| line.strip_prefix(start.as_str()));
    let mut counts: Vec<_> = counts
        .map(|rest| {
            let (result, count) = rest.split_once(r#""} "#).unwrap();
            (result.to_owned(), count.parse().unwrap())
        })
        .collect();
    counts.sort();
    counts
}

/// Postgres refuses a statement that was prepared before a column got another type (0A000), on that connection for ever.
#[tokio::test]
async fn a_connection_whose_prepared_statements_are_void_is_not_used_again() {
    let database = Database::new(Backend::Postgres).await;
    database.store().await.close().await;
    let store = store::connect(&database.url, 1).await.unwrap();
    let user = stored_user(store.as_ref()).await;
    let challenge = new_challenge(&user);
    assert!(store.challenge_create(challenge.clone(), None).await.unwrap());
    let (id, mac) = (user.user.id, challenge.id_mac);
    for (operation, change) in [
        ("user_by_id", "ALTER TABLE users ALTER COLUMN email TYPE VARCHAR(500)"),
        ("session_live", "ALTER TABLE sessions ALTER COLUMN device_name TYPE VARCHAR(500)"),
        ("challenge_find", "ALTER TABLE challenges ALTER COLUMN device_name TYPE VARCHAR(500)"),
    ] {
        let read = async || match operation {
            "user_by_id" => store.user_by_id(id).await.map(drop),
            "session_live" => store.session_live(id, at(0)).await.map(drop),
            _ => store.challenge_find(mac).await.map(drop),
        };
        read().await.unwrap();
        database.run(change).await;
        let void = read().await.unwrap_err();
        assert_eq!(
            (void.operation(), void.sqlstate().as_deref()),
            (Some(operation), Some("0A000"))
        );
        // On another connection, though there may be no more than one.
        read().await.unwrap_or_else(|error| panic!("{operation}: {error:?}"));
    }
}

#[apply(on_both)]
#[tokio::test]
async fn operations_are_counted_by_what_became_of_them(backend: Backend) {
    let database = Database::new(backend).await;
    let store = database.store().await;
    let store = store.as_ref();
    let user = stored_user(store).await;
    assert_eq!(counts(store, "user_by_id"), [("ok".to_owned(), 1)]);
    // What is already there is an answer, and no error.
    assert!(!store.user_create(super::NewUser { user: user.user, ..new_user() }).await.unwrap());
    assert_eq!(counts(store, "user_create"), [("ok".to_owned(), 2)]);
    database.refuse("UPDATE ON users").await;
    let refused = store.user_disable(Uuid::nil(), super::revoking(0)).await;
    assert!(!refused.unwrap(), "there is no such user: nothing is updated");
    let refused = store.user_disable(user_of(store).await, super::revoking(0)).await.unwrap_err();
    assert!(matches!(refused, Error::Statement(_)), "{refused:?}");
    assert_eq!(refused.operation(), Some("user_disable"));
    let expected = if backend == Backend::Sqlite { "1811" } else { "P0001" };
    assert_eq!(refused.sqlstate().as_deref(), Some(expected));
    assert_eq!(counts(store, "user_disable"), [("error".to_owned(), 1), ("ok".to_owned(), 1)]);
    store.close().await;
    let closed = store.user_by_id(Uuid::nil()).await.unwrap_err();
    assert_eq!(closed.operation(), Some("user_by_id"));
    let away = ("unavailable".to_owned(), 1);
    assert!(counts(store, "user_by_id").contains(&away), "{:?}", counts(store, "user_by_id"));
}

async fn user_of(store: &dyn Store) -> Uuid {
    stored_user(store).await.user.id
}

/// A caller who goes away ends a read, and not a write.
#[tokio::test]
async fn a_read_that_its_caller_leaves_is_cancelled_and_a_write_is_what_it_becomes() {
    let database = Database::new(Backend::Postgres).await;
    let store = database.store().await;
    let held = database.lock("users").await;
    let reading = tokio::spawn({
        let store = std::sync::Arc::clone(&store);
        async move { store.user_by_id(Uuid::nil()).await.map(drop) }
    });
    let writing = tokio::spawn({
        let store = std::sync::Arc::clone(&store);
        async move { store.user_create(new_user()).await.map(drop) }
    });
    let waiting = "SELECT COUNT(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";
    crate::harness::eventually("both", async || database.number(waiting).await == 2).await;
    reading.abort();
    writing.abort();
    join_all([reading, writing]).await;
    assert_eq!(counts(store.as_ref(), "user_by_id"), [("cancelled".to_owned(), 1)]);
    assert_eq!(counts(store.as_ref(), "user_create"), []);
    drop(held);
    crate::harness::eventually("the write", async || {
        counts(store.as_ref(), "user_create") == [("ok".to_owned(), 1)]
    })
    .await;
}

/// A transaction that loses again and again against others is a conflict, and one that wins in the end is none.
#[tokio::test]
async fn a_transaction_that_loses_every_time_is_a_conflict() {
    let database = Database::new(Backend::Postgres).await;
    let store = database.store().await;
    database
        .run(
            "CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN RAISE EXCEPTION 'lost' USING ERRCODE = '40001'; END $$;
             CREATE TRIGGER lose BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION lose()",
        )
        .await;
    let lost = store.user_create(new_user()).await.unwrap_err();
    assert_eq!(lost.sqlstate().as_deref(), Some("40001"));
    assert_eq!(counts(store.as_ref(), "user_create"), [("conflict".to_owned(), 1)]);
}
