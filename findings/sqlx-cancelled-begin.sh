#!/usr/bin/env bash
# What becomes of a connection of sqlx whose `begin` was cancelled (a timeout, a caller who went away) before the answer came?
#
# Guess: the transaction is rolled back before the connection is used again, as where a `Transaction` is dropped.
#
# Seen: nothing is rolled back. BEGIN was sent, and the guard that is dropped looks at the depth of transactions, which only the answer
# raises. The next statement runs inside the transaction that nobody has; it is answered as a success, and gone when the connection
# is closed. So whoever begins a transaction must not use the connection again unless the answer to its end came.
#
#   the next statement:     Ok, 1 row
#   sqlx says:              outside a transaction
#   rows for others:        0, also after the connection was closed
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
use std::{future::Future as _, task::Context};

use sqlx::{Connection as _, Executor as _, PgConnection, postgres::PgConnectOptions};

async fn rows(options: &PgConnectOptions) -> sqlx::Result<i64> {
    let mut other = PgConnection::connect_with(options).await?;
    sqlx::query_scalar("SELECT COUNT(*) FROM written").fetch_one(&mut other).await
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> sqlx::Result<()> {
    let folder = std::env::args().nth(1).expect("the socket's folder");
    let options = PgConnectOptions::new_without_pgpass().socket(folder).username("test").database("postgres");
    let mut connection = PgConnection::connect_with(&options).await?;
    connection.execute("CREATE TABLE written (id INTEGER)").await?;
    {
        // Polled once: BEGIN is sent, and the answer is not waited for.
        let mut begin = Box::pin(connection.begin());
        let polled = std::future::poll_fn(|context: &mut Context<'_>| {
            std::task::Poll::Ready(begin.as_mut().poll(context).is_pending())
        });
        assert!(polled.await, "it waits for the answer");
    }
    let inserted = connection.execute("INSERT INTO written VALUES (1)").await?.rows_affected();
    println!("the next statement:     Ok, {inserted} row");
    let outside = !connection.is_in_transaction();
    println!("sqlx says:              {}", if outside { "outside a transaction" } else { "in a transaction" });
    let before = rows(&options).await?;
    connection.close().await?;
    let after = rows(&options).await?;
    println!("rows for others:        {before}, also after the connection was closed");
    std::process::exit(i32::from(inserted != 1 || !outside || before != 0 || after != 0));
}
RUST
timeout 600 cargo run --quiet --manifest-path="$work/probe/Cargo.toml" -- "$work" || {
  echo "this is not what was seen before" >&2
  exit 1
}
