//! Group commit.

use futures_util::future::{join_all, join3, join4};
use sqlx::{Executor as _, sqlite::SqlitePoolOptions};
use tracing::{Dispatch, dispatcher};

use super::*;
use crate::store::Operations;

/// A writer on a file of its own. A row in `child` without its parent fails the commit.
async fn writer() -> (tempfile::TempDir, SqlitePool, Writer) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/test.db?mode=rwc", folder.path().display());
    let pool = SqlitePoolOptions::new().max_connections(1).connect(&url).await.unwrap();
    pool.execute(
        "CREATE TABLE parent (id INTEGER PRIMARY KEY); \
         CREATE TABLE child (id REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED)",
    )
    .await
    .unwrap();
    let writer = Writer::start(place(&folder, pool.clone())).unwrap();
    (folder, pool, writer)
}

fn place(folder: &tempfile::TempDir, pool: SqlitePool) -> Place {
    let changed = Arc::default();
    let presence = Presence::of(&folder.path().join("test.db"), Arc::clone(&changed)).unwrap();
    Place {
        pool,
        presence,
        health: WriteHealth::default(),
        changed,
        appended_here: AppendedHere::default(),
        writing: Arc::default(),
    }
}

fn operation() -> Operation {
    Operations::of("sqlite").start("test")
}

/// Two statements, of which the second fails for a duplicate number.
async fn parent(writer: &Writer, id: i64) -> Result<()> {
    let body: Body<SqliteConnection, i64, ()> = |connection, id| {
        Box::pin(async move {
            connection.execute("INSERT INTO child VALUES (NULL)").await?;
            sqlx::query("INSERT INTO parent VALUES ($1)").bind(id).execute(connection).await?;
            Ok(())
        })
    };
    writer.write(operation(), id, body).await
}

/// A write without changes.
async fn nothing(writer: &Writer) -> Result<()> {
    let body: Body<SqliteConnection, (), ()> = |connection, ()| {
        Box::pin(async move {
            connection.execute("UPDATE parent SET id = 7 WHERE id = -1").await?;
            Ok(())
        })
    };
    writer.write(operation(), (), body).await
}

/// A write that fails for the store's own reasons.
async fn fails(writer: &Writer) -> Result<()> {
    let body: Body<SqliteConnection, (), ()> = |connection, ()| {
        Box::pin(async move {
            connection
                .execute("INSERT INTO child VALUES (NULL); INSERT INTO gone VALUES (1)")
                .await?;
            Ok(())
        })
    };
    writer.write(operation(), (), body).await
}

/// A write that reads `writing` while it runs.
async fn told_while_it_runs(writer: &Writer, writing: &Arc<AtomicBool>) -> Result<bool> {
    let body: Body<SqliteConnection, Arc<AtomicBool>, bool> =
        |_connection, writing| Box::pin(async move { Ok(writing.load(Ordering::Relaxed)) });
    writer.write(operation(), Arc::clone(writing), body).await
}

async fn orphan(writer: &Writer) -> Result<()> {
    let body: Body<SqliteConnection, (), ()> = |connection, ()| {
        Box::pin(async move {
            connection.execute("INSERT INTO child VALUES (-1)").await?;
            Ok(())
        })
    };
    writer.write(operation(), (), body).await
}

/// What `writes` hands in at its first poll shares a commit: the writer is kept busy until then.
async fn sharing_a_commit<T>(writer: &Writer, writes: impl Future<Output = T>) -> T {
    let begun_and_ends = Arc::<(Notify, Notify)>::default();
    let body: Body<SqliteConnection, Arc<(Notify, Notify)>, ()> = |_connection, args| {
        Box::pin(async move {
            args.0.notify_one();
            args.1.notified().await;
            Ok(())
        })
    };
    let before = writer.write(operation(), Arc::clone(&begun_and_ends), body);
    let shared = async {
        begun_and_ends.0.notified().await;
        tokio::join!(biased; writes, async { begun_and_ends.1.notify_one() }).0
    };
    let (before, shared) = tokio::join!(before, shared);
    before.unwrap();
    shared
}

/// The row counts of both tables; each write adds one.
async fn rows(pool: &SqlitePool) -> (i64, i64) {
    let sql = "SELECT (SELECT COUNT(*) FROM parent), (SELECT COUNT(*) FROM child)";
    sqlx::query_as(sql).fetch_one(pool).await.unwrap()
}

#[tokio::test]
async fn a_write_that_fails_undoes_its_own_statements_and_no_others() {
    let (_folder, pool, writer) = writer().await;
    // Each number twice: the second is refused by the primary key.
    let writes = join_all((0..20).map(|number| parent(&writer, number / 2)));
    let results = sharing_a_commit(&writer, writes).await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 10);
    assert_eq!(rows(&pool).await, (10, 10));
}

#[tokio::test]
async fn nobody_is_told_that_it_is_done_before_the_commit_and_those_who_share_one_fail_together() {
    let (_folder, pool, writer) = writer().await;
    let writes = join3(parent(&writer, 1), orphan(&writer), parent(&writer, 2));
    let (first, orphan, last) = sharing_a_commit(&writer, writes).await;
    for result in [first, orphan, last] {
        assert!(matches!(result, Err(Error::Unavailable(_))), "{result:?}");
    }
    assert_eq!(rows(&pool).await, (0, 0));
    parent(&writer, 1).await.unwrap();
    assert_eq!(rows(&pool).await, (1, 1));
}

#[tokio::test]
async fn more_than_share_a_commit_are_all_written() {
    let (_folder, pool, writer) = writer().await;
    let results = join_all((0..1000).map(|number| parent(&writer, number))).await;
    assert!(results.iter().all(Result::is_ok));
    assert_eq!(rows(&pool).await, (1000, 1000));
}

#[tokio::test]
async fn it_is_told_while_somebody_writes_and_only_then() {
    let (folder, pool, _writer) = writer().await;
    let place = place(&folder, pool);
    let writing = Arc::clone(&place.writing);
    let writer = Writer::start(place).unwrap();
    for _ in 0..2 {
        assert!(told_while_it_runs(&writer, &writing).await.unwrap());
        assert!(!writing.load(Ordering::Relaxed));
    }
}

/// Statements do not wait for the calls that are under way: this test's runtime has one thread, and that is blocked meanwhile.
#[tokio::test]
async fn writes_go_on_while_the_runtime_of_the_calls_is_busy() {
    let (_folder, _pool, writer) = writer().await;
    // The tables' connection goes back to the pool in this runtime.
    nothing(&writer).await.unwrap();
    let (runs, has_run) = std::sync::mpsc::channel();
    let body: Body<SqliteConnection, std::sync::mpsc::Sender<()>, ()> = |connection, runs| {
        Box::pin(async move {
            connection.execute("INSERT INTO parent VALUES (1)").await?;
            runs.send(()).map_err(|_gone| Error::Statement("nobody waits".into()))
        })
    };
    let write = writer.write(operation(), runs, body);
    let blocked = async { has_run.recv_timeout(WRITE_DEADLINE) };
    let (written, has_run) = tokio::join!(biased; write, blocked);
    has_run.unwrap();
    written.unwrap();
}

#[tokio::test]
async fn a_write_that_panics_leaves_a_writer_that_writes() {
    let (_folder, pool, writer) = writer().await;
    let body: Body<SqliteConnection, (), ()> = |_connection, ()| panic!("as a defect would");
    let panicked = writer.write(operation(), (), body).await;
    assert!(matches!(panicked, Err(Error::Statement(_))), "{panicked:?}");
    parent(&writer, 1).await.unwrap();
    assert_eq!(rows(&pool).await, (1, 1));
}

/// The writer is a task of its own: log lines of a statement must name their call.
#[tokio::test]
async fn a_write_runs_in_the_span_of_its_caller() {
    let log = Dispatch::new(tracing_subscriber::registry());
    let _log = dispatcher::set_default(&log);
    let (_folder, _pool, writer) = writer().await;
    let body: Body<SqliteConnection, Dispatch, Option<tracing::Id>> = |_connection, log| {
        Box::pin(async move { Ok(dispatcher::with_default(log, || Span::current().id())) })
    };
    for name in ["one", "two"] {
        let span = tracing::error_span!("call", name);
        let write = writer.write(operation(), log.clone(), body);
        let told = write.instrument(span.clone()).await.unwrap();
        assert!(told.is_some() && told == span.id());
    }
}

/// On a full disk, a write without changes still succeeds.
#[tokio::test]
async fn what_wrote_nothing_does_not_say_that_writes_work_again() {
    let (folder, pool, _writer) = writer().await;
    let place = place(&folder, pool);
    let health = place.health.clone();
    let writer = Writer::start(place).unwrap();
    fails(&writer).await.unwrap_err();
    nothing(&writer).await.unwrap();
    assert!(health.has_failed(), "one by itself");
    fails(&writer).await.unwrap_err();
    assert!(health.is_failing());
    nothing(&writer).await.unwrap();
    assert!(health.is_failing());
    parent(&writer, 1).await.unwrap();
    assert!(!health.has_failed());
    // In a group commit, too.
    let writes = join4(fails(&writer), nothing(&writer), fails(&writer), nothing(&writer));
    let results = sharing_a_commit(&writer, writes).await;
    assert!(results.0.is_err() && results.1.is_ok() && results.2.is_err() && results.3.is_ok());
    assert!(health.is_failing());
    let writes = join3(nothing(&writer), parent(&writer, 2), nothing(&writer));
    let results = sharing_a_commit(&writer, writes).await;
    assert!(results.0.is_ok() && results.1.is_ok() && results.2.is_ok());
    assert!(!health.has_failed());
}
