//! RefreshToken on SQLite beside a bare program: the same statements, whose writes share commits, and nothing else.

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

struct Write {
    id: Vec<u8>,
    generation: i64,
    done: oneshot::Sender<()>,
}

/// A file of its own, with the sessions of one that a server has used.
pub(crate) struct Bare {
    readers: SqlitePool,
    writes: mpsc::Sender<Write>,
    sessions: Vec<Vec<u8>>,
}

impl Bare {
    /// Copies the file, which the server may be using.
    pub(crate) async fn start(of: &Path, to: &Path, callers: usize) -> anyhow::Result<Self> {
        let options = SqliteConnectOptions::new()
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full);
        let mut source = SqliteConnection::connect_with(&options.clone().filename(of)).await?;
        sqlx::query("VACUUM INTO $1").bind(to.to_str()).execute(&mut source).await?;
        let options = options.filename(to);
        let mut writer = SqliteConnection::connect_with(&options).await?;
        let sessions = sqlx::query_scalar("SELECT id FROM sessions LIMIT $1")
            .bind(i64::try_from(callers)?)
            .fetch_all(&mut writer)
            .await?;
        let readers = SqlitePoolOptions::new().max_connections(10).test_before_acquire(false);
        let readers = readers.connect_with(options.read_only(true)).await?;
        let (writes, waiting) = mpsc::channel(MOST);
        tokio::spawn(commit_in_groups(writer, waiting));
        Ok(Self { readers, writes, sessions })
    }

    /// Refreshes a second, each caller with a session of its own.
    pub(crate) async fn rate(&self, time: Duration) -> anyhow::Result<f64> {
        let begun = Instant::now();
        let callers = self.sessions.iter().map(|id| {
            let (readers, writes, id) = (self.readers.clone(), self.writes.clone(), id.clone());
            tokio::spawn(refresh(readers, writes, id, begun + time))
        });
        let mut calls = 0;
        for counted in try_join_all(callers.collect::<Vec<_>>()).await? {
            calls += counted?;
        }
        Ok(f64::from(calls) / begun.elapsed().as_secs_f64())
    }
}

async fn refresh(
    readers: SqlitePool,
    writes: mpsc::Sender<Write>,
    id: Vec<u8>,
    until: Instant,
) -> anyhow::Result<u32> {
    let mut calls = 0;
    while Instant::now() < until {
        let row = sqlx::query(FIND).bind(&id).fetch_one(&readers).await?;
        let (done, written) = oneshot::channel();
        writes.send(Write { id: id.clone(), generation: row.try_get("generation")?, done }).await?;
        written.await.context("not written")?;
        calls += 1;
    }
    Ok(calls)
}

async fn commit_in_groups(
    mut connection: SqliteConnection,
    mut waiting: mpsc::Receiver<Write>,
) -> anyhow::Result<()> {
    let mut group = Vec::new();
    while waiting.recv_many(&mut group, MOST).await > 0 {
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
        for write in &group {
            let advance = sqlx::query(ADVANCE).bind(&write.id).bind(1_800_000_000_000_000_i64);
            advance.bind(write.generation).fetch_one(&mut *transaction).await?;
            sqlx::query(LIVE).bind(&write.id).fetch_one(&mut *transaction).await?;
        }
        transaction.commit().await?;
        for write in group.drain(..) {
            // Who waits no more needs no answer.
            let _sent = write.done.send(());
        }
    }
    Ok(())
}
