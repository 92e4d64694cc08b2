//! SQLite, embedded: one writer connection, several readers.

use std::{
    fs::File,
    path::PathBuf,
    str::FromStr as _,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use async_trait::async_trait;
use sqlx::{
    Connection as _, Executor as _, SqliteConnection, SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use tokio::sync::Notify;

use self::{
    at_once::NotAtOnce,
    files::Absent,
    presence::Presence,
    writer::{Place, Writer},
};
use super::{
    AppendedHere, Body, Database, Error, Operations, PATIENCE, PoolUse, Result, migrations,
    write_health::WriteHealth,
};

mod at_once;
mod backup;
mod content;
mod draft;
mod files;
mod presence;
mod reads;
mod restore;
mod writer;

pub use self::{
    backup::back_up,
    content::Content,
    draft::Progress,
    restore::{Restore, Restored},
};

/// A column of text in the order of its bytes, as SQLite compares text. For `queries`, which is below.
macro_rules! by_bytes {
    ($column:literal) => {
        $column
    };
}

#[expect(clippy::duplicate_mod, reason = "one text of the statements for both databases (ADR 2)")]
#[path = "queries/mod.rs"]
mod queries;

// `queries` is compiled for this type.
use Sqlite as Backend;
type Connection = SqliteConnection;

/// Timeout for another process that writes (busy handler).
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// The store on an SQLite file.
#[derive(Debug, Clone)]
pub struct Sqlite {
    /// SQLite has one writer at a time: a queue before it is fairer than its busy handler.
    writer_pool: SqlitePool,
    readers: SqlitePool,
    /// A closed pool that refuses readers while the database's files are gone.
    no_readers: SqlitePool,
    writer: Writer,
    writing: Arc<AtomicBool>,
    presence: Presence,
    health: WriteHealth,
    operations: Operations,
    appended_here: AppendedHere,
    /// Notified when readiness may have changed.
    changed: Arc<Notify>,
    /// Holds the shared lock on the database, so that no restore replaces it.
    in_use: Option<Arc<File>>,
}

impl Sqlite {
    const HAS_ONE_WRITER: bool = true;

    /// Users whose address is not ASCII. The condition must match that of the index `users_email_not_ascii` to the letter.
    /// Not `octet_length`: the SQLite shells that people open the file with know it only from 3.43 on, and then refuse to
    /// write.
    const EMAILS_NOT_ASCII: &str = "SELECT id, email, email_key, claimed_email_key FROM users \
         WHERE length(CAST(email AS BLOB)) <> length(email) AND id > $1 ORDER BY id LIMIT $2";

    /// Opens the file of `url`, and creates it and its folder if need be.
    ///
    /// # Errors
    /// A bad URL; a file that can't be opened, that others can read, or that is being replaced.
    pub async fn connect(url: &str, max_connections: u32) -> Result<Self> {
        Self::open(url, max_connections, Absent::Make).await
    }

    /// Opens the file of `url`, which must exist.
    ///
    /// # Errors
    /// Those of [`Sqlite::connect`]; no such file.
    pub async fn connect_existing(url: &str, max_connections: u32) -> Result<Self> {
        Self::open(url, max_connections, Absent::Refuse).await
    }

    async fn open(url: &str, max_connections: u32, absent: Absent) -> Result<Self> {
        let options = options(url)?;
        let path = files::prepare(options.get_filename(), absent)?;
        let in_use = files::lock_for_use(&path)?;
        Self::on(options.filename(path), max_connections, Some(in_use)).await
    }

    /// Opens the file of `options`, which must exist.
    async fn on(
        options: SqliteConnectOptions,
        max_connections: u32,
        in_use: Option<File>,
    ) -> Result<Self> {
        let changed = Arc::<Notify>::default();
        let away = |error| Error::Unavailable(Box::new(error));
        let presence = Presence::of(options.get_filename(), Arc::clone(&changed)).map_err(away)?;
        let writer_pool = first_pool(&options).await?;
        let options = options.read_only(true);
        // Readers begin no transactions, so none can be left open.
        let readers = pool(max_connections).connect_with(options.clone()).await?;
        let no_readers = pool(1).connect_lazy_with(options);
        no_readers.close().await;
        presence.watch()?;
        let (writing, health) = (Arc::default(), WriteHealth::default());
        let appended_here = AppendedHere::default();
        let place = Place {
            pool: writer_pool.clone(),
            presence: presence.clone(),
            health: health.clone(),
            changed: Arc::clone(&changed),
            appended_here: appended_here.clone(),
            writing: Arc::clone(&writing),
        };
        let writer = Writer::start(place).map_err(away)?;
        let in_use = in_use.map(Arc::new);
        Ok(Self {
            writer_pool,
            readers,
            no_readers,
            writer,
            writing,
            presence,
            health,
            operations: Operations::of("sqlite"),
            appended_here,
            changed,
            in_use,
        })
    }

    fn readers(&self) -> &SqlitePool {
        // Another process may serve the database meanwhile: a session revoked there would be live here.
        if self.presence.is_gone() { &self.no_readers } else { &self.readers }
    }

    /// SQLite has no NOTIFY: readers poll.
    #[expect(clippy::unused_async, reason = "on Postgres it is a statement")]
    async fn announce_revocations(_connection: &mut SqliteConnection) -> Result<()> {
        Ok(())
    }

    /// A single writer: nothing changes the row meanwhile.
    #[expect(clippy::unused_async, reason = "on Postgres it is a statement")]
    async fn hold_user(_connection: &mut SqliteConnection, _id: uuid::Uuid) -> Result<()> {
        Ok(())
    }

    /// A write without effect, as a probe. SQLite writes nothing where a row gets the values that it has.
    async fn try_write(&self) -> Result<()> {
        const THERE_AND_BACK: &str = "UPDATE revocation_head SET seq = seq + 1 WHERE id = 1; \
             UPDATE revocation_head SET seq = seq - 1 WHERE id = 1";
        self.write("write_check", (), |connection, ()| {
            Box::pin(async move {
                connection.execute(THERE_AND_BACK).await?;
                Ok(())
            })
        })
        .await
    }

    /// Runs `body` in a transaction, to its end even if the caller goes away.
    async fn write<A, T>(
        &self,
        operation: &'static str,
        args: A,
        body: Body<SqliteConnection, A, T>,
    ) -> Result<T>
    where
        A: Send + Sync + 'static,
        T: Send + 'static,
    {
        self.writer.write(self.operations.start(operation), args, body).await
    }

    /// Like `write`: a statement costs no round trip here, and there are no data-modifying CTEs.
    async fn write_at_once<A, T>(
        &self,
        operation: &'static str,
        args: A,
        _once: NotAtOnce,
        body: Body<SqliteConnection, A, T>,
    ) -> Result<T>
    where
        A: Send + Sync + 'static,
        T: Send + 'static,
    {
        self.write(operation, args, body).await
    }
}

fn options(url: &str) -> Result<SqliteConnectOptions> {
    if url.contains(":memory:") || url.contains("mode=memory") {
        return Err(Error::Url("SQLite needs a file: sqlite://path/to/file.db".into()));
    }
    let options =
        SqliteConnectOptions::from_str(url).map_err(|error| Error::Url(error.to_string()))?;
    Ok(options
        // A reopened connection must not create another database where the first one is gone.
        .create_if_missing(false)
        .foreign_keys(true)
        .journal_mode(SqliteJournalMode::Wal)
        // NORMAL may lose the last commits when the power fails.
        .synchronous(SqliteSynchronous::Full)
        // Containers may lack a writable folder for temporary files.
        .pragma("temp_store", "MEMORY")
        .busy_timeout(BUSY_TIMEOUT))
}

/// The file that an SQLite URL names.
///
/// # Errors
/// A bad URL.
pub fn file(url: &str) -> Result<PathBuf> {
    Ok(options(url)?.get_filename().to_owned())
}

/// # Errors
/// A bad URL; no such file, or one that can't be used.
pub fn must_exist(url: &str) -> Result<()> {
    files::prepare(&file(url)?, Absent::Refuse).map(|_path| ())
}

/// The writer's pool. Opening a new file turns on its write-ahead log, which fails at once, despite the busy timeout, while
/// another process is doing the same: retry.
async fn first_pool(options: &SqliteConnectOptions) -> Result<SqlitePool> {
    let mut tries = 1;
    loop {
        match guarded(pool(1)).connect_with(options.clone()).await.map_err(Error::from) {
            Err(Error::Unavailable(_)) if tries < 50 => {
                tokio::time::sleep(Duration::from_millis(20)).await;
                tries += 1;
            }
            result => return result,
        }
    }
}

fn pool(max_connections: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(max_connections)
        .acquire_timeout(PATIENCE)
        // SQLite removes the write-ahead log with the last connection, and `presence` would miss it.
        .idle_timeout(None)
        .max_lifetime(None)
        // No network could have cut a connection off, and the test is a trip to another thread.
        .test_before_acquire(false)
}

/// A pool whose connections are outside a transaction when they are handed out (see `postgres::pool`).
fn guarded(pool: SqlitePoolOptions) -> SqlitePoolOptions {
    pool.after_release(|connection, _| {
        Box::pin(async move {
            // An error says that no transaction was open, as it should be.
            let _outside_a_transaction = connection.execute("ROLLBACK").await;
            // Where SQLite has ended a transaction by itself, as it does when the disk is full, sqlx still counts it, and
            // could not begin another: close such a connection.
            Ok(!connection.is_in_transaction())
        })
    })
}

#[async_trait]
impl Database for Sqlite {
    async fn is_migrated(&self) -> Result<bool> {
        self.has_run(migrations::SQLITE).await
    }

    async fn migrate(&self) -> Result<()> {
        // sqlx locks only Postgres against concurrent migrations: here the transaction does.
        let mut transaction = self.writer_pool.begin_with("BEGIN IMMEDIATE").await?;
        migrations::migrator(migrations::SQLITE).run_direct(None, &mut *transaction, false).await?;
        transaction.commit().await?;
        self.renew_email_keys().await
    }

    async fn check(&self) -> Result<()> {
        self.presence.check()?;
        self.check_schema(migrations::latest(migrations::SQLITE)).await?;
        // A service that is not ready gets no calls: its own write shows when there is room again.
        if self.health.is_failing() { self.try_write().await } else { Ok(()) }
    }

    async fn readiness_changed(&self) {
        self.changed.notified().await;
    }

    async fn hear_revocations(&self, _heard: &Notify) {
        std::future::pending().await
    }

    fn pool_use(&self) -> PoolUse {
        super::database::pool_use([&self.writer_pool, &self.readers])
    }

    fn operations(&self) -> &Operations {
        &self.operations
    }

    fn writing(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.writing)
    }

    async fn close(&self) {
        self.presence.close();
        self.readers.close().await;
        // Last: this checkpoints the write-ahead log into the file.
        self.writer_pool.close().await;
        if let Some(lock) = &self.in_use {
            // The lock ends with the file at the latest.
            let _unlocked = lock.unlock();
        }
    }
}

#[cfg(test)]
mod pile_tests;

#[cfg(test)]
mod tests;
