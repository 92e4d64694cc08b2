//! A real PgBouncer between: in session mode, and in transaction mode, which takes 1.21 for its prepared statements.

#![expect(
    clippy::disallowed_methods,
    reason = "which PgBouncer is tested, the environment may say"
)]

use std::{
    collections::BTreeSet,
    io::{BufRead as _, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use rstest::rstest;
use sqlx::{
    ConnectOptions as _, Connection as _, Executor as _, Row as _, postgres::PgConnectOptions,
};
use tempfile::TempDir;

use crate::{
    harness::{
        Backend, Database, Server,
        command::{command, output},
        eventually,
        server::registration,
    },
    process::serve,
};

/// How many connections it makes to the server: in session mode as many as the service has, with the one that listens and
/// those that are just ending. A statement would wait for one that is not there.
const POOL: usize = 20;

/// A running PgBouncer; it ends when this is dropped.
struct PgBouncer {
    process: Child,
    folder: TempDir,
    with_prepared_statements: bool,
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        let _ended = self.process.kill();
        let _reaped = self.process.wait();
    }
}

/// The program: TEST_PGBOUNCER, or Debian's.
fn program() -> PathBuf {
    let program = std::env::var_os("TEST_PGBOUNCER")
        .map_or_else(|| "/usr/sbin/pgbouncer".into(), PathBuf::from);
    assert!(
        program.is_file(),
        "the tests need PgBouncer: install it (Debian: apt-get install pgbouncer), or name it in TEST_PGBOUNCER"
    );
    program
}

impl PgBouncer {
    /// Before the cluster of `database`, with the lines of docs/guides/pgbouncer.md.
    fn start(database: &Database, mode: &str) -> Self {
        let version = Command::new(program()).arg("--version").output().unwrap();
        let version = String::from_utf8(version.stdout).unwrap();
        let numbers = version.split_whitespace().nth(1).unwrap_or_default().split('.').nth(1);
        let with_prepared_statements = numbers.unwrap().parse::<u32>().unwrap() >= 21;
        let folder = tempfile::tempdir().unwrap();
        let socket = database.url.split("host=").nth(1).unwrap();
        let guide = include_str!("../../../docs/guides/pgbouncer.md");
        let ours = |line: &&str| {
            line.starts_with("pool_mode = ") || line.starts_with("max_prepared_statements = ")
        };
        let lines: Vec<_> = guide.lines().filter(ours).collect();
        assert_eq!(lines.len(), 2, "{lines:?}");
        let lines = format!("[pgbouncer]\n{}", lines.join("\n"));
        let lines = lines.replace("pool_mode = transaction", &format!("pool_mode = {mode}"));
        let lines = if with_prepared_statements {
            lines
        } else {
            lines.replace("max_prepared_statements", ";")
        };
        let path = folder.path().display();
        let text = format!(
            "[databases]\n* = host={socket}\n{lines}\nauth_type = any\nlisten_port = 6432\nunix_socket_dir = {path}\n\
             default_pool_size = {POOL}\nmax_client_conn = 200\n"
        );
        // With auth_type any, the user is the one of the database's line.
        let text = text.replace(&format!("host={socket}"), &format!("host={socket} user=postgres"));
        std::fs::write(folder.path().join("pgbouncer.ini"), text).unwrap();
        // It refuses root.
        let mut process = Command::new("setpriv");
        let give = Command::new("chown").args(["-R", "postgres"]).arg(folder.path()).status();
        process.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]);
        if !give.unwrap().success() {
            process = Command::new("env");
        }
        let mut process = process
            .arg(program())
            .arg(folder.path().join("pgbouncer.ini"))
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(process.stderr.take().unwrap()).lines();
        let up = log.find(|line| line.as_ref().is_ok_and(|line| line.contains("process up")));
        assert!(up.is_some(), "PgBouncer does not start");
        std::thread::spawn(move || log.for_each(drop));
        Self { process, folder, with_prepared_statements }
    }

    fn url(&self, database: &Database) -> String {
        let name = database.url.split('?').next().and_then(|url| url.rsplit('/').next()).unwrap();
        format!(
            "postgres://postgres@localhost/{name}?host={}&port=6432",
            self.folder.path().display()
        )
    }
}

async fn works(server: &Server) {
    let user = server.register(registration(false)).await.unwrap();
    let tokens = server.session(&user).await;
    let tokens = server.refresh(&tokens.refresh_token, "").await.unwrap();
    server.logout(&tokens.refresh_token).await.unwrap();
    server.challenge(&server.user(true).await).await;
}

#[tokio::test]
async fn in_session_mode_everything_works_and_so_do_migrations() {
    let database = Database::empty(Backend::Postgres).await;
    let pooler = PgBouncer::start(&database, "session");
    let url = pooler.url(&database);
    let server = Server::start_at(database, |config| config.database.url = url).await;
    works(&server).await;
    let listens = "SELECT COUNT(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND datname = current_database()";
    eventually("LISTEN", async || server.database.number(listens).await == 1).await;
    server.stop().await.unwrap();
}

#[tokio::test]
async fn in_transaction_mode_migrations_are_refused_with_the_way_out() {
    let database = Database::empty(Backend::Postgres).await;
    let pooler = PgBouncer::start(&database, "transaction");
    for arguments in
        [&["migrate"][..], &["serve", "--grpc-addr=127.0.0.1:0", "--http-addr=127.0.0.1:0"]]
    {
        let mut start = crate::process::on(&database, arguments);
        start.env("DATABASE_URL", pooler.url(&database));
        let (result, text) = output(start);
        assert!(!result.status.success());
        let way_out = if pooler.with_prepared_statements {
            "COUNTERSIGN_MIGRATE_URL"
        } else {
            "PgBouncer must be 1.21"
        };
        assert!(text.contains("transaction mode") && text.contains(way_out), "{text}");
    }
    assert_eq!(
        database.number("SELECT COUNT(*) FROM pg_tables WHERE schemaname = 'public'").await,
        0
    );
    // Of this database: other tests migrate theirs in the same cluster meanwhile.
    let locks = "SELECT COUNT(*) FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database \
                 WHERE locktype = 'advisory' AND datname = current_database()";
    assert_eq!(database.number(locks).await, 0);
}

/// Nothing that we set, listen for or lock is left for the other clients of the pool.
#[tokio::test]
async fn in_transaction_mode_it_serves_and_leaves_nothing_behind() {
    let database = Database::empty(Backend::Postgres).await;
    let pooler = PgBouncer::start(&database, "transaction");
    let (direct, url) = (database.url.clone(), pooler.url(&database));
    if !pooler.with_prepared_statements {
        database.store().await.close().await;
        let mut start = serve(&database);
        start.env("DATABASE_URL", &url);
        let (result, text) = output(start);
        assert!(!result.status.success() && text.contains("PgBouncer must be 1.21"), "{text}");
        return;
    }
    let before = settings_of_others(&url).await;
    let server = Server::start_at(database, |config| {
        config.database.url.clone_from(&url);
        config.database.migrate_url = Some(direct);
    })
    .await;
    works(&server).await;
    let many = (0..20).map(|_| server.register(registration(false)));
    assert!(futures_util::future::join_all(many).await.iter().all(Result::is_ok));
    assert_eq!(settings_of_others(&url).await, before);
    let heard = "SELECT COUNT(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND datname = current_database()";
    assert_eq!(server.database.number(heard).await, 0);
    server.stop().await.unwrap();
}

/// What other clients of the pool get to see, on as many of its connections as there can be.
async fn settings_of_others(url: &str) -> BTreeSet<String> {
    let options: PgConnectOptions = url.parse().unwrap();
    let options = options.extra_float_digits(None);
    let (mut clients, mut seen) = (Vec::new(), BTreeSet::new());
    for _ in 0..POOL {
        let mut client = options.connect().await.unwrap();
        client.execute("BEGIN").await.unwrap();
        let settings = "SELECT string_agg(name || '=' || setting, ' ' ORDER BY name) FROM pg_settings \
                        WHERE name NOT IN ('application_name', 'TimeZone', 'DateStyle', 'client_encoding')";
        seen.insert(client.fetch_one(settings).await.unwrap().try_get(0).unwrap());
        clients.push(client);
    }
    for mut client in clients {
        client.execute("ROLLBACK").await.unwrap();
        client.close().await.unwrap();
    }
    seen
}

/// A setting that the pooler would drop in silence stops the start: tables would be made elsewhere.
#[rstest]
#[case("search_path=auth", "search_path")]
#[case("options=-csearch_path%3Dauth", "options")]
#[tokio::test]
async fn what_a_pooler_drops_and_the_url_asks_for_is_refused_by_name(
    #[case] parameter: &str,
    #[case] name: &str,
) {
    let database = Database::empty(Backend::Postgres).await;
    let pooler = PgBouncer::start(&database, "session");
    let mut migrate = command(&["migrate"]);
    migrate.env("DATABASE_URL", format!("{}&{parameter}", pooler.url(&database)));
    let (result, text) = output(migrate);
    assert!(!result.status.success());
    assert!(text.contains(&format!("drops {name}")) && text.contains("ALTER ROLE"), "{text}");
}
