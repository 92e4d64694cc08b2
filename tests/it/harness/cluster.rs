//! Postgres servers of a test's own: to be killed, promoted, and made read-only.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::PathBuf,
    process::{Child, ChildStdin, ChildStdout, Stdio},
    sync::{Arc, Mutex},
};

use sqlx::{
    AssertSqlSafe, Connection as _, Executor as _, PgConnection, postgres::PgConnectOptions,
};

use super::postgres;

/// Runs what it reads, line by line, and says how that ended. It ends all servers once its standard input ends.
const KEEPER: &str = r#"
set -u
bin=$1
# Debian links some programs into the PATH, and not pg_basebackup.
[ -x "$bin/pg_basebackup" ] || bin=$(dirname "$(readlink -f "$bin/initdb")")
dir=$(mktemp -d "${TMPDIR:-/tmp}/countersign-cluster.XXXXXX")
trap '' INT TERM HUP
start() {
    "$bin/pg_ctl" -D "$dir/$1/data" -l "$dir/$1/server.log" -w -o "-k $dir/$1 -c listen_addresses= \
        -c max_connections=${2:-60} -c shared_buffers=16MB" start
}
primary() {
    mkdir "$dir/$1" && "$bin/initdb" -D "$dir/$1/data" -U postgres -A trust -E UTF8 --locale=C --no-sync && start "$1"
}
standby() {
    mkdir "$dir/$2" && "$bin/pg_basebackup" -h "$dir/$1" -U postgres -D "$dir/$2/data" -R -c fast --no-sync && start "$2"
}
promote() { "$bin/pg_ctl" -D "$dir/$1/data" -w promote; }
stop() { "$bin/pg_ctl" -D "$dir/$1/data" -m "$2" -w stop; }
crash() { kill -9 "$(head -n 1 "$dir/$1/data/postmaster.pid")"; }
few() { stop "$1" fast && start "$1" 20; }
# What a killed postmaster leaves behind takes a moment to go.
restart() { until start "$1"; do :; done; }
echo "$dir"
while read -r line; do
    if eval "$line" >>"$dir/log" 2>&1; then echo done; else echo failed; fi
done
for data in "$dir"/*/data; do
    "$bin/pg_ctl" -D "$data" -m immediate stop
done >/dev/null 2>&1
rm -rf "$dir"
"#;

/// Servers that end with this.
#[derive(Debug, Clone)]
pub struct Cluster {
    folder: PathBuf,
    keeper: Arc<Mutex<Keeper>>,
}

#[derive(Debug)]
struct Keeper {
    _shell: Child,
    tell: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Cluster {
    pub fn new() -> Self {
        let mut shell = postgres::shell(KEEPER).unwrap();
        let mut shell = shell.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (tell, answers) = (shell.stdin.take().unwrap(), shell.stdout.take().unwrap());
        let mut answers = BufReader::new(answers);
        let mut folder = String::new();
        answers.read_line(&mut folder).unwrap();
        let keeper = Arc::new(Mutex::new(Keeper { _shell: shell, tell, answers }));
        Self { folder: folder.trim().into(), keeper }
    }

    /// One of: primary A; standby A B (B of A); promote A; stop A MODE; crash A; restart A; few A (again, with 20 connections).
    pub async fn run(&self, command: &str) {
        let (keeper, line) = (Arc::clone(&self.keeper), format!("{command}\n"));
        let answer = tokio::task::spawn_blocking(move || {
            let mut keeper = keeper.lock().unwrap();
            keeper.tell.write_all(line.as_bytes()).unwrap();
            let mut answer = String::new();
            keeper.answers.read_line(&mut answer).unwrap();
            answer
        });
        let answer = answer.await.unwrap();
        let log = || std::fs::read_to_string(self.folder.join("log")).unwrap_or_default();
        assert_eq!(answer, "done\n", "{command}: {}", log());
    }

    /// The folder of a server's socket.
    pub fn folder(&self, server: &str) -> PathBuf {
        self.folder.join(server)
    }

    /// The socket of a server.
    pub fn socket(&self, server: &str) -> PathBuf {
        self.folder(server).join(".s.PGSQL.5432")
    }

    /// A URL past every forwarder.
    pub fn url(&self, server: &str) -> String {
        format!("postgres://postgres@localhost/postgres?host={}", self.folder(server).display())
    }

    /// A connection past every forwarder.
    pub async fn connect(&self, server: &str) -> PgConnection {
        let options = PgConnectOptions::new_without_pgpass()
            .socket(self.folder(server))
            .username("postgres")
            .database("postgres");
        PgConnection::connect_with(&options).await.unwrap()
    }

    pub async fn sql(&self, server: &str, sql: &str) {
        self.connect(server).await.execute(AssertSqlSafe(sql)).await.unwrap();
    }

    pub async fn number(&self, server: &str, sql: &str) -> i64 {
        let mut connection = self.connect(server).await;
        sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut connection).await.unwrap()
    }

    /// What a server has logged.
    pub fn log(&self, server: &str) -> String {
        std::fs::read_to_string(self.folder(server).join("server.log")).unwrap()
    }
}
