//! The settings and failures of SQLite itself.

use super::*;

async fn number(pool: &SqlitePool, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql).fetch_one(pool).await.unwrap()
}

async fn store() -> (tempfile::TempDir, Sqlite) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/test.db", folder.path().display());
    (folder, Sqlite::connect(&url, 2).await.unwrap())
}

/// With NORMAL (1), a power failure may lose the last commits.
#[tokio::test]
async fn what_is_committed_is_on_the_disk() {
    let (_folder, store) = store().await;
    assert_eq!(number(&store.writer_pool, "PRAGMA synchronous").await, 2);
    assert_eq!(number(&store.writer_pool, "PRAGMA temp_store").await, 2, "no temporary files");
    let mode = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&store.writer_pool);
    assert_eq!(mode.await.map(|mode: String| mode).unwrap(), "wal");
}

#[tokio::test]
async fn a_connection_that_comes_back_inside_a_transaction_leaves_it() {
    let (_folder, store) = store().await;
    let mut connection = store.writer_pool.acquire().await.unwrap();
    connection.execute("CREATE TABLE t (x); BEGIN; INSERT INTO t VALUES (1)").await.unwrap();
    drop(connection);
    assert_eq!(number(&store.writer_pool, "SELECT COUNT(*) FROM t").await, 0);
    store.writer_pool.execute("INSERT INTO t VALUES (2)").await.unwrap();
    assert_eq!(number(&store.readers, "SELECT COUNT(*) FROM t").await, 1);
}

/// SQLite ends a transaction by itself when the disk is full.
#[tokio::test]
async fn once_there_is_room_again_writes_go_on() {
    let (_folder, store) = store().await;
    store.writer_pool.execute("CREATE TABLE t (x)").await.unwrap();
    let fill: Body<SqliteConnection, i64, ()> = |connection, bytes| {
        Box::pin(async move {
            let fill = sqlx::query("INSERT INTO t VALUES (zeroblob($1))").bind(bytes);
            fill.execute(connection).await?;
            Ok(())
        })
    };
    store.writer_pool.execute("PRAGMA max_page_count = 4").await.unwrap();
    let full = store.write("fill", 1_000_000, fill).await;
    assert!(full.is_err(), "{full:?}");
    // A new connection has no page limit.
    store.write("fill", 1_000_000, fill).await.unwrap();
    assert_eq!(number(&store.readers, "SELECT COUNT(*) FROM t").await, 1);
}

/// Two consecutive writes fail on a full disk, and readiness probes by a write of its own when there is room again.
#[tokio::test]
async fn with_a_full_disk_it_answers_questions_and_is_not_ready() {
    let (_folder, store) = store().await;
    store.migrate().await.unwrap();
    store.check().await.unwrap();
    let fill: Body<SqliteConnection, (), ()> = |connection, ()| {
        Box::pin(async move {
            // Like a full disk, for each connection: the page limit is the connection's own.
            connection.execute("PRAGMA max_page_count = 1").await?;
            connection.execute("CREATE TABLE room AS SELECT zeroblob(1000000) AS x").await?;
            Ok(())
        })
    };
    for failed in 1..=3 {
        let full = store.write("fill", (), fill).await;
        assert!(matches!(full, Err(Error::Unavailable(_))), "{full:?}");
        assert_eq!(store.health.is_failing(), failed > 1);
    }
    store.readiness_changed().await;
    assert_eq!(number(&store.readers, "SELECT COUNT(*) FROM users").await, 0);
    store.check().await.unwrap();
    assert!(!store.health.is_failing(), "its own write has succeeded");
}

#[tokio::test]
async fn files_that_others_can_read_or_write_are_refused() {
    use std::{fs, os::unix::fs::PermissionsExt as _};
    let (folder, store) = store().await;
    let url = format!("sqlite://{}/test.db", folder.path().display());
    for file in ["test.db", "test.db-wal", "test.db-shm"] {
        let path = folder.path().join(file);
        let set = |mode| fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        for mode in [0o640, 0o620, 0o604, 0o602] {
            set(mode);
            let error = Sqlite::connect(&url, 2).await.unwrap_err();
            let text = error.to_string();
            let advice = format!("(mode {mode:04o}): run `chmod 600 {}`", path.display());
            assert!(text.contains(&advice), "{text}");
        }
        set(0o600);
    }
    store.close().await;
    Sqlite::connect(&url, 2).await.unwrap();
}

#[tokio::test]
async fn readers_cannot_write() {
    let (_folder, store) = store().await;
    assert!(store.readers.execute("CREATE TABLE t (x)").await.is_err());
}
