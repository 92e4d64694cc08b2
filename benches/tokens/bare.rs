//! Bare programs on SQLite: the statements of a call, whose writes share commits, and nothing else. Here that of RefreshToken.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use futures_util::future::try_join_all;
use sqlx::{
    Connection as _, Row as _, SqliteConnection, SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use tokio::sync::{mpsc, oneshot};

/// The most writes that share a commit, as in `src/store/sqlite/writer.rs`.
const MOST: usize = 256;

const FIND: &str = "SELECT id, user_id, audience, device_name, amr, created_at, expires_at, last_used_at, address, \
     idle_expires_at, generation, refresh_salt, refresh_request_id, epoch FROM sessions \
     WHERE id = $1 AND refresh_salt IS NOT NULL";

const ADVANCE: &str = "UPDATE sessions SET generation = generation + 1, refresh_request_id = NULL, last_used_at = $2, \
     address = '127.0.0.1', idle_expires_at = $2 + 1000000 WHERE id = $1 AND generation = $3 AND revoked_at IS NULL \
     AND EXISTS (SELECT 1 FROM users WHERE users.id = sessions.user_id AND users.disabled_at IS NULL \
     AND users.credential_version = sessions.credential_version AND users.session_epoch = sessions.epoch) RETURNING id";

const LIVE: &str = "SELECT users.id, users.username, users.username_key, users.email, users.email_verified, \
     users.password_hash, users.credential_version, users.is_2fa_enabled, users.roles, users.claims, users.request_id, \
     users.disabled_at, users.created_at, sessions.id AS session_id, sessions.user_id, audience, device_name, amr, \
     sessions.created_at AS begun_at, expires_at, last_used_at, address, idle_expires_at, generation, refresh_salt, \
     refresh_request_id, epoch FROM sessions JOIN users ON users.id = sessions.user_id WHERE sessions.id = $1";

/// What a call writes.
pub(crate) trait Statements: Send + Sync + 'static {
    /// Runs them.
    fn run(
        &self,
        connection: &mut SqliteConnection,
    ) -> impl Future<Output = anyhow::Result<()>> + Send;
}

struct Waiting<S> {
    statements: S,
    done: oneshot::Sender<()>,
}

/// A file of its own, a copy of one that a server has used.
pub(crate) struct Database<S> {
    pub(crate) readers: SqlitePool,
    writes: mpsc::Sender<Waiting<S>>,
}

impl<S> Clone for Database<S> {
    fn clone(&self) -> Self {
        Self { readers: self.readers.clone(), writes: self.writes.clone() }
    }
}

impl<S: Statements> Database<S> {
    /// Copies the file, which the server may be using.
    pub(crate) async fn copy(of: &Path, to: &Path) -> anyhow::Result<Self> {
        let options = SqliteConnectOptions::new()
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full);
        let mut source = SqliteConnection::connect_with(&options.clone().filename(of)).await?;
        sqlx::query("VACUUM INTO $1").bind(to.to_str()).execute(&mut source).await?;
        let options = options.filename(to);
        let writer = SqliteConnection::connect_with(&options).await?;
        let readers = SqlitePoolOptions::new().max_connections(10).test_before_acquire(false);
        let readers = readers.connect_with(options.read_only(true)).await?;
        let (writes, waiting) = mpsc::channel(MOST);
        // In the runtime of the callers, unlike ours: on a thread of its own this is slower.
        tokio::spawn(commit_in_groups(writer, waiting));
        Ok(Self { readers, writes })
    }

    /// Returns once the statements are on the disk.
    pub(crate) async fn write(&self, statements: S) -> anyhow::Result<()> {
        let (done, written) = oneshot::channel();
        self.writes.send(Waiting { statements, done }).await.ok().context("the writer is gone")?;
        written.await.context("not written")
    }
}

async fn commit_in_groups<S: Statements>(
    mut connection: SqliteConnection,
    mut waiting: mpsc::Receiver<Waiting<S>>,
) -> anyhow::Result<()> {
    let mut group = Vec::new();
    while waiting.recv_many(&mut group, MOST).await > 0 {
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
        for write in &group {
            write.statements.run(&mut transaction).await?;
        }
        transaction.commit().await?;
        for write in group.drain(..) {
            // Who waits no more needs no answer.
            let _sent = write.done.send(());
        }
    }
    Ok(())
}

/// Calls a second of callers that wait for each answer before they call again.
pub(crate) async fn rate<F>(callers: impl Iterator<Item = F>) -> anyhow::Result<f64>
where
    F: Future<Output = anyhow::Result<u32>> + Send + 'static,
{
    let begun = Instant::now();
    let mut calls = 0;
    for counted in try_join_all(callers.map(tokio::spawn).collect::<Vec<_>>()).await? {
        calls += counted?;
    }
    Ok(f64::from(calls) / begun.elapsed().as_secs_f64())
}

struct Advance {
    id: Vec<u8>,
    generation: i64,
}

impl Statements for Advance {
    async fn run(&self, connection: &mut SqliteConnection) -> anyhow::Result<()> {
        let advance = sqlx::query(ADVANCE).bind(&self.id).bind(1_800_000_000_000_000_i64);
        advance.bind(self.generation).fetch_one(&mut *connection).await?;
        sqlx::query(LIVE).bind(&self.id).fetch_one(connection).await?;
        Ok(())
    }
}

/// RefreshToken's.
pub(crate) struct Refreshes {
    database: Database<Advance>,
    sessions: Vec<Vec<u8>>,
}

impl Refreshes {
    /// On a copy of the file, with a session for each caller.
    pub(crate) async fn start(of: &Path, to: &Path, callers: usize) -> anyhow::Result<Self> {
        let database = Database::copy(of, to).await?;
        let sessions = sqlx::query_scalar("SELECT id FROM sessions LIMIT $1")
            .bind(i64::try_from(callers)?)
            .fetch_all(&database.readers)
            .await?;
        Ok(Self { database, sessions })
    }

    /// Refreshes a second, each caller with a session of its own.
    pub(crate) async fn rate(&self, time: Duration) -> anyhow::Result<f64> {
        let until = Instant::now() + time;
        let sessions = self.sessions.iter();
        rate(sessions.map(|id| refresh(self.database.clone(), id.clone(), until))).await
    }
}

async fn refresh(database: Database<Advance>, id: Vec<u8>, until: Instant) -> anyhow::Result<u32> {
    let mut calls = 0;
    while Instant::now() < until {
        let row = sqlx::query(FIND).bind(&id).fetch_one(&database.readers).await?;
        let generation = row.try_get("generation")?;
        database.write(Advance { id: id.clone(), generation }).await?;
        calls += 1;
    }
    Ok(calls)
}
