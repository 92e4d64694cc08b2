#!/usr/bin/env bash
# Keyset pages by a UUIDv7 key, id > a AND id <= b: does the planner know how many rows such a range has?
#
# Guess: about. Ids that grow with time are as good as numbers, ANALYZE has a histogram of them, and for a range of a bigint key the
# estimate is right to a few percent.
#
# Seen: for a uuid it knows only which hundredth of the table a bound lies in, since it can't interpolate between two uuids. A range within
# one hundredth is estimated at one row, however many it has; a longer one at whole hundredths. So a join to such a page is planned as
# if it had one row: a nested loop with a look-up for each row of the page, also where a hash of the other table is cheaper.
#
#   100 of 30,000 rows: bigint estimated 100, uuid 1
#   3000 of 30,000 rows: bigint estimated 3000, uuid 3000
#
# Versions: PostgreSQL 15.18. Seen on 2026-12-01.
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
ask() { "$programs/psql" --host="$work" --username=test --dbname=postgres --quiet --no-align --tuples-only --command="$1"; }

# The numbers are milliseconds in the first 48 bits, as in a UUIDv7. ANALYZE looks at all of so few rows:
# the hundredths have 300 each, and the 100 lie within one.
uuid() { echo "(lpad(to_hex($1), 12, '0') || '70008000000000000000')::uuid"; }
ask "CREATE TABLE users (number BIGINT PRIMARY KEY, id UUID UNIQUE);
  INSERT INTO users SELECT n, $(uuid n) FROM generate_series(1, 30000) AS n"
ask "VACUUM ANALYZE users"

# How many rows the planner expects in a range.
rows() { ask "EXPLAIN SELECT * FROM users WHERE $1" | sed -n 's/.*rows=\([0-9]*\).*/\1/p' | head -n 1; }
range() {
  local first=15100 last=$((15100 + $1))
  numbers=$(rows "number > $first AND number <= $last")
  uuids=$(rows "id > $(uuid $first) AND id <= $(uuid $last)")
  echo "$1 of 30,000 rows: bigint estimated $numbers, uuid $uuids"
}
near() { (($2 > $1 / 2 && $2 < $1 * 2)); }

range 100
near 100 "$numbers" && [[ $uuids == 1 ]]
range 3000
near 3000 "$numbers" && near 3000 "$uuids"
