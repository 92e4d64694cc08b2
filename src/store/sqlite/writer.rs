//! The single writer of SQLite, with group commit (ADR 18).
//!
//! A commit waits for the disk, which takes far longer than the statements before it. So writes that arrive during a commit
//! share one transaction after it, and their callers are answered once that transaction is on the disk. If one of the
//! writes fails, all are run again, each in a savepoint of its own.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use async_trait::async_trait;
use sqlx::{Connection as _, Sqlite, SqliteConnection, SqlitePool, Transaction};
use tokio::{
    runtime::Builder,
    sync::{Notify, mpsc, oneshot},
    time::timeout,
};
use tracing::{Instrument as _, Span};

use super::presence::Presence;
use crate::store::{
    AppendedHere, Body, Error, PATIENCE, Result, WRITE_DEADLINE, operations::Operation,
    write_health::WriteHealth,
};

/// The most writes in a commit: each caller waits for the statements of all.
const MOST_TOGETHER: usize = 256;

/// The bound of the queue, with all arguments; beyond it callers wait to enqueue (backpressure).
const MOST_WAITING: usize = 1024;

/// A handle that sends writes to the writer's task. Cheap to clone; the task ends with the last one.
#[derive(Debug, Clone)]
pub(super) struct Writer(mpsc::Sender<Box<dyn Write>>);

impl Writer {
    /// Starts the task, on the pool's only connection.
    ///
    /// It has a thread and a runtime of its own: each statement is a trip to SQLite's thread and back, and in the runtime of the
    /// calls the way back would wait behind theirs.
    ///
    /// # Errors
    /// The system gives no thread.
    pub(super) fn start(place: Place) -> io::Result<Self> {
        let (queue, waiting) = mpsc::channel(MOST_WAITING);
        let task = write_all(place, waiting);
        let run = || match Builder::new_current_thread().enable_time().build() {
            Ok(runtime) => runtime.block_on(task),
            // Its queue is gone with it: all writes are told that the database is away.
            Err(error) => tracing::error!(%error, "the writer has no runtime"),
        };
        thread::Builder::new().name("writer".into()).spawn(run)?;
        Ok(Self(queue))
    }

    /// Runs a write to its end once it has begun, even if the caller goes away: tonic drops a handler whose client
    /// disconnects, and half a write must not stay. A caller who goes before it begins takes the write along.
    pub(super) async fn write<A, T>(
        &self,
        operation: Operation,
        args: A,
        body: Body<SqliteConnection, A, T>,
    ) -> Result<T>
    where
        A: Send + Sync + 'static,
        T: Send + 'static,
    {
        let (begins, begun) = oneshot::channel();
        let write = Waiting {
            operation: operation.clone(),
            span: Span::current(),
            args,
            body,
            begins: Some(begins),
            answer: None,
            result: None,
            is_idle: false,
        };
        let begun = async {
            // An error says that the writer's task has ended; then nothing begins either.
            let _handed_in = self.0.send(Box::new(write)).await;
            begun.await
        };
        let wait = operation.waits();
        let begun = timeout(PATIENCE, begun).await;
        drop(wait);
        let Ok(Ok(answer)) = begun else {
            let busy = Error::Unavailable("the database was not free to write".into());
            return operation.end(Err(busy));
        };
        let no_answer = |_dropped| Error::Statement("a write ended without an answer".into());
        operation.end(answer.await.map_err(no_answer).flatten())
    }
}

/// A write of any argument and result type.
#[async_trait]
trait Write: std::fmt::Debug + Send {
    /// Tells the caller that it begins; returns whether they are still there. From then on it runs to its end.
    fn begin(&mut self) -> bool;

    /// Runs the statements, perhaps once more. Returns whether all succeeded; if not, they are to be rolled back.
    /// `is_asked`: it matters whether they write anything.
    async fn run(&mut self, connection: &mut SqliteConnection, is_asked: bool) -> bool;

    /// Sends the caller the result.
    fn answer(self: Box<Self>, committed: Result<()>, health: &WriteHealth);
}

struct Waiting<A, T> {
    operation: Operation,
    /// The caller's span: log lines of the statements belong to their request, even in a shared commit.
    span: Span,
    args: A,
    body: Body<SqliteConnection, A, T>,
    begins: Option<oneshot::Sender<oneshot::Receiver<Result<T>>>>,
    answer: Option<oneshot::Sender<Result<T>>>,
    result: Option<Result<T>>,
    /// Whether it wrote nothing, which succeeds on a full disk, too.
    is_idle: bool,
}

impl<A, T> std::fmt::Debug for Waiting<A, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Waiting(..)")
    }
}

#[async_trait]
impl<A: Send + Sync, T: Send> Write for Waiting<A, T> {
    fn begin(&mut self) -> bool {
        let (answer, answered) = oneshot::channel();
        self.answer = Some(answer);
        self.begins.take().is_some_and(|begins| begins.send(answered).is_ok())
    }

    async fn run(&mut self, connection: &mut SqliteConnection, is_asked: bool) -> bool {
        let before = if is_asked { changes(connection).await } else { None };
        let result = (self.body)(connection, &self.args).instrument(self.span.clone()).await;
        self.is_idle = before.is_some() && changes(connection).await == before;
        self.result.insert(result).is_ok()
    }

    fn answer(self: Box<Self>, committed: Result<()>, health: &WriteHealth) {
        let Self { operation, span, answer, result, is_idle, .. } = *self;
        let not_run = || Err(Error::Unavailable("the transaction ended before this write".into()));
        let result = committed.and_then(|()| result.unwrap_or_else(not_run));
        if result.is_err() || !is_idle {
            health.note(&result);
        }
        let result = span.in_scope(|| operation.end_in_task(result));
        if let Some(answer) = answer {
            let _gone = answer.send(result);
        }
    }
}

/// The target of writes, and its health.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) pool: SqlitePool,
    pub(super) presence: Presence,
    pub(super) health: WriteHealth,
    /// Notified when writes begin to fail.
    pub(super) changed: Arc<Notify>,
    /// Gets the revocations of writes.
    pub(super) appended_here: AppendedHere,
    /// Set during transactions.
    pub(super) writing: Arc<AtomicBool>,
}

/// Sets a flag until it is dropped, also by a panic.
struct Set<'a>(&'a AtomicBool);

impl<'a> Set<'a> {
    fn new(flag: &'a AtomicBool) -> Self {
        flag.store(true, Ordering::Relaxed);
        Self(flag)
    }
}

impl Drop for Set<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

async fn write_all(place: Place, mut waiting: mpsc::Receiver<Box<dyn Write>>) {
    let mut writes = Vec::new();
    while waiting.recv_many(&mut writes, MOST_TOGETHER).await > 0 {
        writes.retain_mut(|write| write.begin());
        if !writes.is_empty() {
            // In a task of its own: a write that panics does not take the writer along.
            let together = write_together(place.clone(), std::mem::take(&mut writes));
            let _panicked = tokio::spawn(place.appended_here.clone().around(together)).await;
        }
    }
}

async fn write_together(place: Place, mut writes: Vec<Box<dyn Write>>) {
    // A database that hangs must not block all callers for ever.
    let hangs = |_elapsed| Error::Unavailable("a write was not answered in time".into());
    let writing = Set::new(&place.writing);
    let committed = timeout(WRITE_DEADLINE, commit(&place, &mut writes)).await;
    drop(writing);
    let committed = committed.map_err(hangs).flatten().map_err(Arc::new);
    let failed_before = place.health.is_failing();
    for write in writes {
        let committed = committed.clone().map_err(|error| Error::Unavailable(error.into()));
        write.answer(committed, &place.health);
    }
    if place.health.is_failing() != failed_before {
        place.changed.notify_one();
    }
}

async fn commit(place: &Place, writes: &mut [Box<dyn Write>]) -> Result<()> {
    let Place { pool, presence, .. } = place;
    presence.check()?;
    // Failures are rare: a savepoint for each write would cost two statements more. While the store is healthy, a success
    // needs no evidence of having written.
    let is_asked = place.health.has_failed();
    if !all_or_nothing(pool, writes, is_asked).await? && writes.len() > 1 {
        each_by_itself(pool, writes).await?;
    }
    // A commit into a file that has been moved or deleted is lost.
    presence.check()
}

/// Returns whether all succeeded; where one fails, nothing is written.
async fn all_or_nothing(
    pool: &SqlitePool,
    writes: &mut [Box<dyn Write>],
    is_asked: bool,
) -> Result<bool> {
    let mut transaction = begin(pool).await?;
    for write in writes {
        if !write.run(&mut transaction, is_asked).await {
            transaction.rollback().await?;
            return Ok(false);
        }
    }
    transaction.commit().await?;
    Ok(true)
}

/// The number of rows this connection has changed so far; `None` where it is unavailable.
async fn changes(connection: &mut SqliteConnection) -> Option<i64> {
    sqlx::query_scalar("SELECT total_changes()").fetch_one(connection).await.ok()
}

/// Failing writes roll back their own statements, and no others.
async fn each_by_itself(pool: &SqlitePool, writes: &mut [Box<dyn Write>]) -> Result<()> {
    let mut transaction = begin(pool).await?;
    for write in writes {
        let mut savepoint = transaction.begin().await?;
        if write.run(&mut savepoint, true).await {
            savepoint.commit().await?;
        } else {
            savepoint.rollback().await?;
        }
    }
    Ok(transaction.commit().await?)
}

/// IMMEDIATE: a transaction that starts as a reader cannot become a writer once another has written.
async fn begin(pool: &SqlitePool) -> Result<Transaction<'static, Sqlite>> {
    Ok(pool.begin_with("BEGIN IMMEDIATE").await?)
}

#[cfg(test)]
#[path = "writer_tests.rs"]
mod writer_tests;
