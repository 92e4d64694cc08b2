//! Postgres: the pool, its guards, and how reads and writes run.

use std::{
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use async_trait::async_trait;
use sqlx::{Connection as _, PgConnection};
use tokio::sync::Notify;

pub use self::pool::Pool;
use self::{
    at_once::{AtOnce, Outcome},
    connector::ReadOnly,
    url::ConnectionString,
    writes::Writes,
};
use super::{AppendedHere, Body, Database, Error, Operations, PoolUse, Result, migrations};

mod announcements;
mod at_once;
mod connector;
mod migration;
mod pins;
mod pool;
mod pooler;
mod reads;
mod server;
mod session;
mod transaction;
pub mod url;
mod verdict;
mod writes;

/// A column of text in the order of its bytes, whatever the collation of the database. For `queries`, which is below.
macro_rules! by_bytes {
    ($column:literal) => {
        concat!($column, " COLLATE \"C\"")
    };
}

#[path = "queries/mod.rs"]
mod queries;

// `queries` is compiled for this type.
use Postgres as Backend;
type Connection = PgConnection;

/// Timeout of readiness for a connection: shorter than its caller's, who would not learn the reason.
const CHECK_PATIENCE: Duration = Duration::from_millis(1500);

/// The NOTIFY channel of new revocations.
const REVOCATIONS: &str = "countersign_revocations";

/// The store on Postgres.
#[derive(Debug, Clone)]
pub struct Postgres {
    pool: Pool,
    writes: Writes,
    operations: Operations,
    appended_here: AppendedHere,
}

impl Postgres {
    const HAS_ONE_WRITER: bool = false;

    /// Users whose address is not ASCII. The condition must match that of the index `users_email_not_ascii` to the letter.
    const EMAILS_NOT_ASCII: &str = "SELECT id, email, email_key, claimed_email_key FROM users \
         WHERE octet_length(email) <> length(email) AND id > $1 ORDER BY id LIMIT $2";

    /// For the test of its plan.
    #[doc(hidden)]
    pub const OUTBOX_CLAIM_AT_ONCE: &str = at_once::CLAIM;

    /// Connects to `url` and checks that the server is durable, and that it can store every name. A host of `fsync_off_at`
    /// may have `fsync` and `full_page_writes` off.
    ///
    /// # Errors
    /// A bad URL, an unreachable server, and an unsuitable one.
    pub async fn connect(url: &str, max_connections: u32, fsync_off_at: &[String]) -> Result<Self> {
        let string = session::first_look(ConnectionString::parse(url)?, fsync_off_at).await?;
        let pool = Pool::connect(string, max_connections).await?;
        Ok(Self {
            operations: Operations::of("postgresql").after(pool.waits()),
            pool,
            writes: Writes::new(max_connections),
            appended_here: AppendedHere::default(),
        })
    }

    /// Announces new revocations to listening replicas (NOTIFY), once the transaction commits.
    async fn announce_revocations(connection: &mut PgConnection) -> Result<()> {
        sqlx::query("SELECT pg_notify($1, '')").bind(REVOCATIONS).execute(connection).await?;
        Ok(())
    }

    /// Locks a user's row until the transaction ends: a concurrent change of the password waits, or is waited for. So does
    /// another login of the user: each sees the sessions of those before it, and ends the oldest. Their password checks
    /// were sequential anyway.
    async fn hold_user(connection: &mut PgConnection, id: uuid::Uuid) -> Result<()> {
        let hold = sqlx::query("SELECT id FROM users WHERE id = $1 FOR NO KEY UPDATE").bind(id);
        hold.execute(connection).await?;
        Ok(())
    }

    /// Runs `body` in a transaction, to its end even if the caller goes away, and retries if it lost against another.
    async fn write<A, T>(
        &self,
        operation: &'static str,
        args: A,
        body: Body<PgConnection, A, T>,
    ) -> Result<T>
    where
        A: Send + Sync + 'static,
        T: Send + 'static,
    {
        let (pool, health) = (self.pool.clone(), self.writes.health().clone());
        let write = self.appended_here.clone().around(async move {
            transaction::until_done(&pool, &health, operation, &args, body).await
        });
        self.writes.to_its_end(self.operations.start(operation), write).await
    }

    /// Like `write`, in one statement where that does it, and else by `body`.
    async fn write_at_once<A, T>(
        &self,
        operation: &'static str,
        args: A,
        once: AtOnce<A, T>,
        body: Body<PgConnection, A, T>,
    ) -> Result<T>
    where
        A: Send + Sync + 'static,
        T: Send + 'static,
    {
        let (pool, health) = (self.pool.clone(), self.writes.health().clone());
        // On the heap: it holds the parameters, and the futures of both ways.
        let write = Box::pin(async move {
            // After a failure only a transaction says whether it has written.
            let outcome = if pool.is_pinned() && !health.has_failed() {
                at_once::run(&pool, &args, &once).await?
            } else {
                Outcome::NotAsUsual
            };
            let unknown = match outcome {
                Outcome::Written(done) => return Ok(done),
                Outcome::NotAsUsual => None,
                Outcome::Unknown(error) => Some(error),
            };
            let done = transaction::until_done(&pool, &health, operation, &args, body).await;
            done.map_err(|error| unknown.unwrap_or(error))
        });
        let write = self.appended_here.clone().around(write);
        self.writes.to_its_end(self.operations.start(operation), write).await
    }

    /// Asks the server of an open connection whether it takes writes. If not, all connections are replaced: another server
    /// may (fail-over).
    async fn check_that_it_takes_writes(&self) -> Result<()> {
        self.read_within(CHECK_PATIENCE, "server_check", (), |connection, ()| {
            Box::pin(async move {
                let server = server::ask(connection).await?;
                let read_only = || Error::Unavailable(ReadOnly.into());
                server.takes_writes.then_some(()).ok_or_else(read_only)
            })
        })
        .await
    }

    /// Writes, as a probe. Its row stays.
    async fn try_a_write(&self) -> Result<()> {
        self.write("write_check", (), |connection, ()| {
            Box::pin(async move {
                let row = "INSERT INTO leases (name, holder, expires_at) \
                           VALUES ('write check', '00000000-0000-0000-0000-000000000000', CURRENT_TIMESTAMP) \
                           ON CONFLICT (name) DO UPDATE SET expires_at = excluded.expires_at";
                sqlx::query(row).execute(connection).await?;
                Ok(())
            })
        })
        .await
    }
}

/// The connection pool of `url`, without a store on it.
///
/// # Errors
/// A bad URL; a server that can't be reached within three seconds.
pub async fn pool(url: &str, max_connections: u32) -> Result<Pool> {
    let string = session::first_look(ConnectionString::parse(url)?, &[]).await?;
    Pool::connect(string, max_connections).await
}

#[async_trait]
impl Database for Postgres {
    async fn is_migrated(&self) -> Result<bool> {
        self.has_run(migrations::POSTGRES).await
    }

    async fn migrate(&self) -> Result<()> {
        // The migrator first takes the right to create tables, even if nothing is pending.
        if !self.is_migrated().await? {
            let mut connection = session::for_migrations(&self.pool.server()).await?;
            migration::run(&mut connection).await?;
            connection.close().await?;
        }
        self.renew_email_keys().await
    }

    async fn check(&self) -> Result<()> {
        self.check_that_it_takes_writes().await?;
        self.check_schema(migrations::latest(migrations::POSTGRES)).await?;
        if self.writes.health().is_failing() { self.try_a_write().await } else { Ok(()) }
    }

    async fn hear_revocations(&self, heard: &Notify) {
        pooler::until_listening_works(|| self.pool.server()).await;
        announcements::hear(&self.pool, REVOCATIONS, heard).await;
    }

    fn pool_use(&self) -> PoolUse {
        self.pool.pool_use()
    }

    fn operations(&self) -> &Operations {
        &self.operations
    }

    /// Always false: the disk belongs to the database's server.
    fn writing(&self) -> Arc<AtomicBool> {
        Arc::default()
    }

    async fn close(&self) {
        self.pool.close().await;
    }
}
