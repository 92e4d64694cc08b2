#!/usr/bin/env bash
# What does sqlx's `Transaction::commit` return where Postgres answers the COMMIT with ROLLBACK, because an earlier statement of the
# transaction has failed and whoever ran it ignored that?
#
# Guess: an error, since nothing was committed.
#
# Seen: Ok. Postgres answers COMMIT in an aborted transaction with the command tag ROLLBACK and without an error (manual, "COMMIT"),
# and sqlx drops the tag. So whoever ignores the error of one statement, be it an index that is there already or a question beside
# the matter, takes for written what was not. Libpq shows the tag; psycopg raises.
#
#   the ignored statement:  division by zero
#   commit:                 Ok
#   rows:                   0
#
# Versions: sqlx 0.9.0, PostgreSQL 15.18. Seen on 2026-11-28.
set -euo pipefail

work=$(mktemp -d)
programs=$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -1)
# Postgres does not run as root.
as() { if [[ $(id -u) == 0 ]]; then runuser -u postgres -- "$@"; else "$@"; fi; }
if [[ $(id -u) == 0 ]]; then chown postgres "$work"; fi
chmod 755 "$work"
stop() {
  as "$programs/pg_ctl" --pgdata="$work/data" --mode=immediate stop >/dev/null 2>&1 || true
  rm -rf "$work"
}
trap stop EXIT
as "$programs/initdb" --pgdata="$work/data" --username=test --auth=trust >/dev/null
as "$programs/pg_ctl" --pgdata="$work/data" --log="$work/log" --wait --timeout=60 \
  --options="-c listen_addresses= -c unix_socket_directories=$work" start >/dev/null

mkdir -p "$work/probe/src"
cat >"$work/probe/Cargo.toml" <<'TOML'
[package]
name = "probe"
version = "0.0.0"
edition = "2024"
[dependencies]
sqlx = { version = "=0.9.0", default-features = false, features = ["postgres", "runtime-tokio"] }
tokio = { version = "1", features = ["macros", "rt"] }
[workspace]
TOML
cat >"$work/probe/src/main.rs" <<'RUST'
use sqlx::{Connection as _, Executor as _, PgConnection, postgres::PgConnectOptions};

#[tokio::main(flavor = "current_thread")]
async fn main() -> sqlx::Result<()> {
    let folder = std::env::args().nth(1).expect("the socket's folder");
    let options = PgConnectOptions::new_without_pgpass().socket(folder).username("test").database("postgres");
    let mut connection = PgConnection::connect_with(&options).await?;
    connection.execute("CREATE TABLE written (id INTEGER)").await?;
    let mut transaction = connection.begin().await?;
    transaction.execute("INSERT INTO written VALUES (1)").await?;
    let ignored = transaction.execute("SELECT 1 / 0").await.expect_err("it fails");
    let ignored = ignored.as_database_error().map(|error| error.message().to_owned());
    println!("the ignored statement:  {}", ignored.unwrap_or_default());
    let committed = transaction.commit().await;
    println!("commit:                 {}", if committed.is_ok() { "Ok" } else { "an error" });
    let rows: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM written").fetch_one(&mut connection).await?;
    println!("rows:                   {rows}");
    std::process::exit(i32::from(committed.is_err() || rows != 0));
}
RUST
timeout 600 cargo run --quiet --manifest-path="$work/probe/Cargo.toml" -- "$work" || {
  echo "this is not what was seen before" >&2
  exit 1
}
