//! Postgres: the pool, its guards, and how a write is run.

use std::{
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use rand::RngExt as _;
use sqlx::{
    Connection as _, Executor as _, PgConnection, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use tokio::{sync::Notify, time::timeout};

use self::{url::ConnectionString, writes::Writes};
use super::{Database, Error, PATIENCE, PoolUse, Result, announcements, migrations};

mod pooler;
mod session;
pub mod url;
mod writes;

#[path = "queries/mod.rs"]
mod queries;

// What `queries` is compiled for.
use Postgres as Backend;
type Connection = PgConnection;

/// How often a transaction that lost against another one is run again.
const MAX_TRIES: u32 = 5;

/// The channel on which new revocations are announced.
const REVOCATIONS: &str = "countersign_revocations";

/// The store on Postgres.
#[derive(Debug, Clone)]
pub struct Postgres {
    pool: PgPool,
    writes: Writes,
}

/// A body of statements that runs in one transaction, perhaps more than once.
type Body<A, T> = for<'a> fn(&'a mut PgConnection, &'a A) -> BoxFuture<'a, Result<T>>;

impl Postgres {
    /// Connects to `url` and checks that what the server acknowledges is kept, and that it can hold every name. A host of
    /// `fsync_off_at` may have `fsync` and `full_page_writes` off.
    ///
    /// # Errors
    /// A bad URL, a server that can't be reached, and one that is of no use.
    pub async fn connect(url: &str, max_connections: u32, fsync_off_at: &[String]) -> Result<Self> {
        let string = session::first_look(ConnectionString::parse(url)?, fsync_off_at).await?;
        let pool = open(&string, max_connections).await?;
        Ok(Self { pool, writes: Writes::new(max_connections) })
    }

    fn reader(&self) -> &PgPool {
        &self.pool
    }

    /// Tells the replicas that listen that there are new revocations, once the transaction commits.
    async fn announce_revocations(connection: &mut PgConnection) -> Result<()> {
        sqlx::query("SELECT pg_notify($1, '')").bind(REVOCATIONS).execute(connection).await?;
        Ok(())
    }

    /// Keeps a user as they are until the transaction ends: a rival change of the password waits, or is waited for. So does
    /// another login of the user: each that begins sees the sessions of those before it, and ends the oldest. Their passwords
    /// were checked one after the other anyway.
    async fn hold_user(connection: &mut PgConnection, id: uuid::Uuid) -> Result<()> {
        let hold = sqlx::query("SELECT id FROM users WHERE id = $1 FOR NO KEY UPDATE").bind(id);
        hold.execute(connection).await?;
        Ok(())
    }

    /// Runs `body` in a transaction, to its end even if the caller goes away, and again if it lost against another.
    async fn write<A, T>(&self, args: A, body: Body<A, T>) -> Result<T>
    where
        A: Send + Sync + 'static,
        T: Send + 'static,
    {
        let pool = self.pool.clone();
        self.writes
            .to_its_end(async move {
                let mut tries = 1;
                loop {
                    match transaction(&pool, &args, body).await {
                        Err(error) if tries < MAX_TRIES && lost_a_race(&error) => {
                            let pause = rand::rng().random_range(1..=10 * u64::from(tries));
                            tokio::time::sleep(Duration::from_millis(pause)).await;
                            tries += 1;
                        }
                        result => return result,
                    }
                }
            })
            .await
    }
}

async fn transaction<A, T>(pool: &PgPool, args: &A, body: Body<A, T>) -> Result<T> {
    let mut transaction = pool.begin_with(session::BEGIN).await?;
    let result = body(&mut transaction, args).await?;
    transaction.commit().await?;
    Ok(result)
}

/// Whether Postgres rolled the transaction back in favour of another: serialization failure, deadlock, or a lock that was
/// not to be had.
fn lost_a_race(error: &Error) -> bool {
    let database_error = error.of_sqlx().and_then(sqlx::Error::as_database_error);
    let code = database_error.and_then(sqlx::error::DatabaseError::code);
    matches!(code.as_deref(), Some("40001" | "40P01" | "55P03"))
}

/// A pool whose connections are always outside a transaction when they are handed out.
///
/// sqlx 0.9.0 can leave a transaction open on a connection whose `begin` was cancelled; the next statement on it would
/// be acknowledged and never committed. So each connection that comes back is rolled back first (see
/// `docs/adr/0005-cancelled-writes.md`).
///
/// # Errors
/// A bad URL; a server that can't be reached within three seconds.
pub async fn pool(url: &str, max_connections: u32) -> Result<PgPool> {
    open(&session::first_look(ConnectionString::parse(url)?, &[]).await?, max_connections).await
}

async fn open(string: &ConnectionString, max_connections: u32) -> Result<PgPool> {
    let options = string.hosts.first().cloned().unwrap_or_else(PgConnectOptions::new);
    let pool = PgPoolOptions::new()
        .max_connections(max_connections)
        .acquire_timeout(PATIENCE)
        .after_release(|connection, _| {
            Box::pin(async move {
                // On a server that hangs, an error closes the connection without waiting for it.
                let rolled_back = timeout(PATIENCE, connection.execute("ROLLBACK")).await;
                rolled_back.map_err(|_elapsed| sqlx::Error::PoolTimedOut)??;
                Ok(true)
            })
        })
        .connect_with(options)
        .await?;
    Ok(pool)
}

#[async_trait]
impl Database for Postgres {
    async fn is_migrated(&self) -> Result<bool> {
        self.has_run(migrations::POSTGRES).await
    }

    async fn migrate(&self) -> Result<()> {
        // The first thing that the migrator does takes the right to make tables, whether there is anything to be done or not.
        if self.is_migrated().await? {
            return Ok(());
        }
        let mut connection = session::for_migrations(&self.pool.connect_options()).await?;
        migrations::migrator(migrations::POSTGRES).run_direct(None, &mut connection, false).await?;
        connection.close().await?;
        Ok(())
    }

    async fn check(&self) -> Result<()> {
        self.check_schema(migrations::latest(migrations::POSTGRES)).await
    }

    async fn hear_revocations(&self, heard: &Notify) {
        let options = self.pool.connect_options();
        pooler::until_listening_works(&options).await;
        announcements::hear(&options, REVOCATIONS, heard).await;
    }

    fn pool_use(&self) -> PoolUse {
        super::pool_use([&self.pool])
    }

    /// Never: the disk is the affair of the database's server.
    fn writing(&self) -> Arc<AtomicBool> {
        Arc::default()
    }

    async fn close(&self) {
        self.pool.close().await;
    }
}
