//! Migrations that run beside replicas which serve.

use countersign::store;
use sqlx::{Connection as _, Executor as _, PgConnection};

use crate::harness::{Backend, Database, eventually, soon};

const WAITING: &str =
    "SELECT COUNT(*) FROM pg_locks WHERE NOT granted AND relation = 'outbox'::regclass";

/// A database as it was before the migration `0022_outbox_since`, which changes `outbox`.
async fn outdated() -> Database {
    let database = Database::empty(Backend::Postgres).await;
    database.store().await.close().await;
    let undo = "ALTER TABLE outbox DROP COLUMN waits_since";
    database.run(undo).await;
    database.run("DELETE FROM _sqlx_migrations WHERE version = 22").await;
    database
}

/// ALTER TABLE waits for each transaction that has used the table, and later statements on the table queue behind it: without a
/// limit one long transaction, such as that of a back-up or a forgotten terminal, stops the service until it ends.
#[tokio::test]
async fn calls_do_not_wait_for_a_long_transaction_behind_a_migration_that_does() {
    let database = outdated().await;
    let mut long = PgConnection::connect(&database.url).await.unwrap();
    long.execute("BEGIN; SELECT COUNT(*) FROM outbox").await.unwrap();

    let store = store::connect(&database.url, 1).await.unwrap();
    let migration = tokio::spawn(async move { store.migrate().await });
    let is_waiting = async || database.number(WAITING).await == 1;
    eventually("the migration waits for the transaction", is_waiting).await;
    let read = database.number("SELECT COUNT(*) FROM outbox");
    assert_eq!(soon("a read behind the migration", read).await, 0);

    // It has not given up.
    eventually("the migration waits for it again", is_waiting).await;
    assert!(!migration.is_finished());
    long.close().await.unwrap();
    soon("the migration", migration).await.unwrap().unwrap();
    let columns = "SELECT COUNT(*) FROM information_schema.columns \
                   WHERE table_name = 'outbox' AND column_name = 'waits_since'";
    assert_eq!(database.number(columns).await, 1);
}

/// sqlx's own statements, on its table of migrations, have the limit as well.
#[tokio::test]
async fn a_migration_waits_too_while_the_table_of_migrations_is_locked() {
    let database = outdated().await;
    let mut locked = PgConnection::connect(&database.url).await.unwrap();
    // Against writes alone, as a REINDEX has it.
    locked.execute("BEGIN; LOCK TABLE _sqlx_migrations IN SHARE MODE").await.unwrap();
    let store = store::connect(&database.url, 1).await.unwrap();
    let migration = tokio::spawn(async move { store.migrate().await });
    let waits = "SELECT COUNT(*) FROM pg_locks WHERE NOT granted AND relation = '_sqlx_migrations'::regclass";
    let is_waiting = async || database.number(waits).await == 1;
    eventually("the migration waits", is_waiting).await;
    eventually("it has let go", async || !is_waiting().await).await;
    eventually("it waits again", is_waiting).await;
    locked.close().await.unwrap();
    soon("the migration", migration).await.unwrap().unwrap();
}

/// The second waits for as long as the first takes, and then has nothing to do.
#[tokio::test]
async fn two_migrations_at_once_wait_for_each_other() {
    let database = outdated().await;
    let mut long = PgConnection::connect(&database.url).await.unwrap();
    long.execute("BEGIN; SELECT COUNT(*) FROM outbox").await.unwrap();

    let mut migrations = Vec::new();
    for _ in 0..2 {
        let store = store::connect(&database.url, 1).await.unwrap();
        migrations.push(tokio::spawn(async move { store.migrate().await }));
    }
    let both = "SELECT COUNT(*) FROM pg_locks WHERE NOT granted AND locktype = 'advisory' AND database = \
                (SELECT oid FROM pg_database WHERE datname = current_database())";
    let are_waiting =
        async || database.number(WAITING).await == 1 && database.number(both).await == 1;
    eventually("one waits for the transaction, the other for it", are_waiting).await;
    long.close().await.unwrap();
    for migration in migrations {
        soon("a migration", migration).await.unwrap().unwrap();
    }
}
