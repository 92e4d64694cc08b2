//! The database as such.

use std::{fs::OpenOptions, os::unix::fs::OpenOptionsExt as _, pin::pin, time::Duration};

use countersign::store::{self, Error};
use rstest::rstest;
use rstest_reuse::apply;
use sqlx::{Connection as _, Executor as _, SqliteConnection};

use super::new_user;
use crate::harness::{Backend, Database, on_both, soon};

/// The number of the last migration.
fn latest() -> i64 {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations/sqlite");
    std::fs::read_dir(folder).unwrap().count().try_into().unwrap()
}

#[apply(on_both)]
#[tokio::test]
async fn it_checks_that_its_schema_is_current(backend: Backend) {
    let database = Database::empty(backend).await;
    let store = store::connect(&database.url, 2).await.unwrap();
    assert!(store.check().await.is_err(), "nothing has been migrated");
    store.migrate().await.unwrap();
    store.migrate().await.unwrap();
    store.check().await.unwrap();
    let latest = latest();
    database.run(&format!("DELETE FROM _sqlx_migrations WHERE version = {latest}")).await;
    let error = store.check().await.unwrap_err();
    let Error::SchemaOutdated { found, wanted } = error else { panic!("{error:?}") };
    assert_eq!((found, wanted), (latest - 1, latest));
}

#[apply(on_both)]
#[tokio::test]
async fn several_replicas_may_migrate_at_once(backend: Backend) {
    let database = Database::empty(backend).await;
    let mut stores = Vec::new();
    for _ in 0..4 {
        stores.push(store::connect(&database.url, 2).await.unwrap());
    }
    let results = futures_util::future::join_all(stores.iter().map(|store| store.migrate())).await;
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    assert_eq!(database.number("SELECT COUNT(*) FROM _sqlx_migrations").await, latest());
}

/// As two processes that open a new file at once see it: turning on the write-ahead log fails at once while another
/// one holds the file.
#[tokio::test]
async fn a_new_sqlite_file_that_another_process_holds_is_waited_for() {
    let database = Database::empty(Backend::Sqlite).await;
    let file = database.folder().join("countersign.db");
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(file).unwrap();
    let mut other = SqliteConnection::connect(&database.url).await.unwrap();
    other.execute("BEGIN IMMEDIATE").await.unwrap();
    let mut connect = pin!(store::connect(&database.url, 2));
    let refused = tokio::time::timeout(Duration::from_millis(100), &mut connect).await;
    assert!(refused.is_err(), "{refused:?}");
    other.execute("COMMIT").await.unwrap();
    assert!(soon("connecting", connect).await.is_ok());
}

/// Postgres rolls one of two transactions back that get in each other's way (SQLSTATE 40001, 40P01).
#[tokio::test]
async fn a_transaction_that_lost_against_another_is_run_again() {
    let database = Database::empty(Backend::Postgres).await;
    let store = database.store().await;
    // A sequence is not rolled back.
    database
        .run(
            "CREATE SEQUENCE tries;
             CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
               IF nextval('tries') < 4 THEN RAISE EXCEPTION 'lost' USING ERRCODE = '40001'; END IF;
               RETURN NEW;
             END $$;
             CREATE TRIGGER lose BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION lose()",
        )
        .await;
    assert!(store.user_create(new_user()).await.unwrap());
    assert_eq!(database.number("SELECT last_value FROM tries").await, 4);
    // But not for ever.
    database.run("ALTER SEQUENCE tries MINVALUE -1000 RESTART WITH -1000").await;
    assert!(matches!(store.user_create(new_user()).await, Err(Error::Unavailable(_))));
}

#[apply(on_both)]
#[tokio::test]
async fn a_schema_from_a_later_release_is_let_be(backend: Backend) {
    let database = Database::empty(backend).await;
    let store = database.store().await;
    database
        .run(
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
             SELECT 999, 'later', success, checksum, 0 FROM _sqlx_migrations WHERE version = 1",
        )
        .await;
    store.migrate().await.unwrap();
    store.check().await.unwrap();
}

#[apply(on_both)]
#[tokio::test]
async fn it_tells_how_its_connections_are_used_and_closes_them(backend: Backend) {
    let database = Database::empty(backend).await;
    let store = database.store().await;
    let pool = store.pool_use();
    let max = if backend == Backend::Sqlite { 11 } else { 10 };
    assert_eq!(pool.max, max);
    assert!(pool.open >= 1 && pool.idle <= pool.open, "{pool:?}");
    store.close().await;
    assert!(matches!(store.check().await, Err(Error::Unavailable(_))));
}

#[rstest]
#[case("mysql://localhost/x")]
#[case("nothing")]
#[case("sqlite::memory:")]
#[tokio::test]
async fn urls_of_no_use_are_refused(#[case] url: &str) {
    assert!(matches!(store::connect(url, 1).await, Err(Error::Url(_))));
}
