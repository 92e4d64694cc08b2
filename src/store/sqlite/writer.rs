//! The one writer of SQLite, and how writes share a commit (ADR 18).
//!
//! A commit waits for the disk, which takes far longer than the statements before it. So what comes while one commit runs
//! is written in one transaction after it, and its callers are answered once that transaction is on the disk. If one of the
//! writes fails, all are made anew, each in a savepoint of its own.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use async_trait::async_trait;
use sqlx::{Connection as _, Sqlite, SqliteConnection, SqlitePool, Transaction};
use tokio::{
    sync::{Notify, mpsc, oneshot},
    time::timeout,
};
use tracing::{Instrument as _, Span};

use super::presence::Presence;
use crate::store::{
    Body, Error, PATIENCE, Result, WRITE_DEADLINE, operations::Operation, write_health::WriteHealth,
};

/// The writes that share a commit, at the most: those who wait for it wait for the statements of all.
const MOST_TOGETHER: usize = 256;

/// The writes that wait at the most, with all that they bring; whoever comes then waits to hand theirs in.
const MOST_WAITING: usize = 1024;

/// Hands writes to the task that makes them. Cheap to clone; the task ends with the last one.
#[derive(Debug, Clone)]
pub(super) struct Writer(mpsc::Sender<Box<dyn Write>>);

impl Writer {
    /// Starts the task, on the only connection that the pool has. It sets `writing` for as long as a transaction takes.
    pub(super) fn start(place: Place, writing: Arc<AtomicBool>) -> Self {
        let (queue, waiting) = mpsc::channel(MOST_WAITING);
        tokio::spawn(write_all(place, waiting, writing));
        Self(queue)
    }

    /// Runs a write to its end once it has begun, whatever becomes of the caller: tonic drops a handler whose client goes
    /// away, and half a write is none that anyone asked for. A caller who goes before it begins takes the write along.
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
            // An error says that there is no writer any more; then nothing begins either.
            let _handed_in = self.0.send(Box::new(write)).await;
            begun.await
        };
        let Ok(Ok(answer)) = timeout(PATIENCE, begun).await else {
            let busy = Error::Unavailable("the database was not free to write".into());
            return operation.end(Err(busy));
        };
        let no_answer = |_dropped| Error::Statement("a write ended without an answer".into());
        operation.end(answer.await.map_err(no_answer).flatten())
    }
}

/// A write, whatever it takes and gives.
#[async_trait]
trait Write: std::fmt::Debug + Send {
    /// Tells the caller that it begins; returns whether they are still there. From then on it runs to its end.
    fn begin(&mut self) -> bool;

    /// Runs the statements, perhaps once more. Returns whether all went well; if not, they are to be undone. `is_asked`: it matters
    /// whether they write anything.
    async fn run(&mut self, connection: &mut SqliteConnection, is_asked: bool) -> bool;

    /// Tells the caller what came of it.
    fn answer(self: Box<Self>, committed: Result<()>, health: &WriteHealth);
}

struct Waiting<A, T> {
    operation: Operation,
    /// The caller's: what the statements log belongs to their request, whoever shares the commit.
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

/// Where writes go, and what is known of it.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) pool: SqlitePool,
    pub(super) presence: Presence,
    pub(super) health: WriteHealth,
    /// Hears when writes begin to fail.
    pub(super) changed: Arc<Notify>,
}

async fn write_all(
    place: Place,
    mut waiting: mpsc::Receiver<Box<dyn Write>>,
    writing: Arc<AtomicBool>,
) {
    let mut writes = Vec::new();
    while waiting.recv_many(&mut writes, MOST_TOGETHER).await > 0 {
        writes.retain_mut(|write| write.begin());
        if !writes.is_empty() {
            // A task of its own: a write that panics does not take the writer along.
            let together = write_together(place.clone(), std::mem::take(&mut writes));
            writing.store(true, Ordering::Relaxed);
            let _panicked = tokio::spawn(together).await;
            writing.store(false, Ordering::Relaxed);
        }
    }
}

async fn write_together(place: Place, mut writes: Vec<Box<dyn Write>>) {
    // A database that hangs must not hold up everybody for ever.
    let hangs = |_elapsed| Error::Unavailable("a write was not answered in time".into());
    let committed = timeout(WRITE_DEADLINE, commit(&place, &mut writes)).await;
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
    // Hardly ever does one fail. A savepoint for each would cost every write two statements more.
    // While all is well a success is no news, whatever it wrote.
    let is_asked = place.health.has_failed();
    if !all_or_nothing(pool, writes, is_asked).await? && writes.len() > 1 {
        each_by_itself(pool, writes).await?;
    }
    // A commit into a file that nobody will find again is none.
    presence.check()
}

/// Returns whether all went well; where one fails, nothing is written.
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

/// How many rows this connection has changed so far; nothing where it can't say so.
async fn changes(connection: &mut SqliteConnection) -> Option<i64> {
    sqlx::query_scalar("SELECT total_changes()").fetch_one(connection).await.ok()
}

/// Those that fail undo their own statements, and no others.
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
