//! A database for each test.

use std::{
    pin::pin,
    sync::{Arc, atomic::Ordering},
    thread,
};

use countersign::store::{self, Store};
use futures_util::poll;
use rstest_reuse::template;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection, SqliteConnection};
use tempfile::TempDir;

use super::{
    eventually,
    postgres::{self, Cluster},
    unique,
};

mod template;

pub use super::postgres::cluster_with;

/// Which database a test runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    Sqlite,
    Postgres,
}

/// Runs a test on each database: `#[apply(on_both)]`, and an argument `backend`.
#[template]
#[rstest]
pub fn on_both(#[values(Backend::Sqlite, Backend::Postgres)] backend: Backend) {}

/// A database of its own. It is gone when this is dropped.
#[derive(Debug)]
pub struct Database {
    pub backend: Backend,
    pub url: String,
    /// A database of the cluster with which to drop it.
    admin: String,
    folder: TempDir,
}

impl Database {
    /// With the schema, and without a row: what a server or [`Database::store`] has nothing to migrate in.
    pub async fn new(backend: Backend) -> Self {
        match backend {
            Backend::Sqlite => {
                let database = Self::empty(backend).await;
                template::sqlite(&database).await;
                database
            }
            Backend::Postgres => Self::with(backend, template::postgres().await).await,
        }
    }

    /// Without a schema, for tests of what a first start does.
    pub async fn empty(backend: Backend) -> Self {
        Self::with(backend, "").await
    }

    /// Without a schema; on Postgres, with what `CREATE DATABASE` takes.
    pub async fn with(backend: Backend, options: &str) -> Self {
        match backend {
            Backend::Sqlite => {
                let folder = tempfile::tempdir().unwrap();
                let url = format!("sqlite://{}/countersign.db", folder.path().display());
                Self { backend, url, admin: String::new(), folder }
            }
            Backend::Postgres => Self::of(postgres::admin_url(), options).await,
        }
    }

    /// On a cluster of the test's own.
    pub async fn at(cluster: &Cluster) -> Self {
        Self::of(&cluster.url, "").await
    }

    async fn of(admin: &str, options: &str) -> Self {
        let name = unique(&format!("countersign_{}", std::process::id()));
        run_on_postgres(admin, &format!(r#"CREATE DATABASE "{name}" {options}"#)).await;
        let (url, folder) = (with_database(admin, &name), tempfile::tempdir().unwrap());
        Self { backend: Backend::Postgres, url, admin: admin.to_owned(), folder }
    }

    /// A store on it, migrated.
    pub async fn store(&self) -> Arc<dyn Store> {
        let store = store::connect(&self.url, 10).await.unwrap();
        store.migrate().await.unwrap();
        store
    }

    /// What Postgres calls it.
    fn name(&self) -> &str {
        self.url.split('?').next().and_then(|url| url.rsplit('/').next()).unwrap_or_default()
    }

    /// A folder that goes with it.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// Runs a statement past the store.
    pub async fn run(&self, sql: &str) {
        match self.backend {
            Backend::Sqlite => {
                let mut connection = SqliteConnection::connect(&self.url).await.unwrap();
                connection.execute(AssertSqlSafe(sql)).await.unwrap();
            }
            Backend::Postgres => run_on_postgres(&self.url, sql).await,
        }
    }

    /// The one number that a query gives, past the store.
    pub async fn number(&self, sql: &str) -> i64 {
        let sql = AssertSqlSafe(sql);
        match self.backend {
            Backend::Sqlite => {
                let mut connection = SqliteConnection::connect(&self.url).await.unwrap();
                sqlx::query_scalar(sql).fetch_one(&mut connection).await.unwrap()
            }
            Backend::Postgres => {
                let mut connection = PgConnection::connect(&self.url).await.unwrap();
                sqlx::query_scalar(sql).fetch_one(&mut connection).await.unwrap()
            }
        }
    }

    /// Locks a table of a Postgres against everybody, until the connection is dropped.
    pub async fn lock(&self, table: &str) -> PgConnection {
        let mut connection = PgConnection::connect(&self.url).await.unwrap();
        let lock = format!("BEGIN; LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE");
        connection.execute(AssertSqlSafe(lock)).await.unwrap();
        connection
    }

    /// Keeps the writers of an SQLite waiting, until the connection is dropped.
    pub async fn keep_writers_waiting(&self) -> SqliteConnection {
        let mut connection = SqliteConnection::connect(&self.url).await.unwrap();
        connection.execute("BEGIN IMMEDIATE").await.unwrap();
        connection
    }

    /// Waits until the store has begun a write, and goes: its caller, who goes before it ends.
    pub async fn begin_and_go(&self, store: &dyn Store, write: impl Future) {
        match self.backend {
            Backend::Sqlite => {
                let _others = self.keep_writers_waiting().await;
                let mut write = pin!(write);
                assert!(poll!(&mut write).is_pending());
                let writing = store.writing();
                eventually("its beginning", async || writing.load(Ordering::Relaxed)).await;
            }
            Backend::Postgres => {
                let mut write = pin!(write);
                assert!(poll!(&mut write).is_pending());
                // On a runtime of one thread, tasks that were told to run come before this one does again.
                for _ in 0..3 {
                    tokio::task::yield_now().await;
                }
            }
        }
    }

    /// Makes such a statement fail from now on: `UPDATE ON users`.
    pub async fn refuse(&self, statement: &str) {
        let refusal = match self.backend {
            Backend::Sqlite => format!(
                "CREATE TRIGGER refuse BEFORE {statement} BEGIN SELECT RAISE(ABORT, 'no'); END"
            ),
            Backend::Postgres => format!(
                "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''no''; END';
                 CREATE TRIGGER refuse BEFORE {statement} FOR EACH ROW EXECUTE FUNCTION no()"
            ),
        };
        self.run(&refusal).await;
    }

    /// Has something happen right after such a statement from now on (`INSERT ON used_assertions`), as though another caller had been
    /// faster with what comes next (race).
    pub async fn overtake(&self, statement: &str, happens: &str) {
        let overtaking = match self.backend {
            Backend::Sqlite => {
                format!("CREATE TRIGGER overtake AFTER {statement} BEGIN {happens}; END")
            }
            Backend::Postgres => format!(
                "CREATE FUNCTION overtake() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {happens}; RETURN NULL; END $$;
                 CREATE TRIGGER overtake AFTER {statement} FOR EACH ROW EXECUTE FUNCTION overtake()"
            ),
        };
        self.run(&overtaking).await;
    }

    /// Lets nobody in, as though the server were gone; or lets them in again.
    pub async fn set_away(&self, away: bool) {
        let (name, admin) = (self.name(), &self.admin);
        run_on_postgres(admin, &format!(r#"ALTER DATABASE "{name}" ALLOW_CONNECTIONS {}"#, !away))
            .await;
        if away {
            let kill = format!(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
            );
            run_on_postgres(admin, &kill).await;
        }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if self.backend == Backend::Sqlite {
            return;
        }
        let sql = format!(r#"DROP DATABASE IF EXISTS "{}" WITH (FORCE)"#, self.name());
        let admin = self.admin.clone();
        let dropped = thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(run_on_postgres(&admin, &sql));
        });
        if dropped.join().is_err() && !thread::panicking() {
            panic!("a test's database could not be dropped");
        }
    }
}

async fn run_on_postgres(url: &str, sql: &str) {
    let mut connection = PgConnection::connect(url).await.unwrap();
    connection.execute(AssertSqlSafe(sql)).await.unwrap();
    connection.close().await.unwrap();
}

/// The URL of another database of the same server.
fn with_database(url: &str, name: &str) -> String {
    let (base, query) =
        url.split_once('?').map_or((url, None), |(base, query)| (base, Some(query)));
    let (server, _database) = base.rsplit_once('/').unwrap();
    query.map_or_else(|| format!("{server}/{name}"), |query| format!("{server}/{name}?{query}"))
}
