#!/usr/bin/env bash
# An index on the expression (disabled_at IS NULL): does it serve both questions, who is enabled and who is disabled?
#
# Guess: yes. It has both answers, and the condition is written as the index has it: (disabled_at IS NULL) = true, or = false.
#
# Seen: it serves the first alone. The planner turns (x IS NULL) = false into x IS NOT NULL before it looks for an index, and that is
# another expression than the index has: the rows are filtered, however few they are, although planner statistics of the expression
# are there. (x IS NULL) = true becomes x IS NULL, which matches. A partial index on the rare answer serves the other question.
#
#   rare: enabled,  (disabled_at IS NULL) = true:    Index Scan using few_enabled_state
#   rare: disabled, (disabled_at IS NULL) = false:   Seq Scan, Filter: (disabled_at IS NOT NULL)
#   rare: disabled, with a partial index:            Index Only Scan using rare
#
# Versions: PostgreSQL 15.18. Seen on 2026-11-29.
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
plan() { ask "EXPLAIN (COSTS OFF) SELECT id FROM $1 WHERE (disabled_at IS NULL) = $2 ORDER BY id LIMIT 20"; }

for table in "few_enabled n % 10000 <> 0" "few_disabled n % 10000 = 0"; do
  read -r name condition <<<"$table"
  ask "CREATE TABLE $name (id INTEGER, disabled_at TIMESTAMPTZ);
    INSERT INTO $name SELECT n, CASE WHEN $condition THEN now() END FROM generate_series(1, 200000) AS n;
    CREATE INDEX ${name}_state ON $name ((disabled_at IS NULL), id)"
  ask "VACUUM ANALYZE $name"
done
enabled=$(plan few_enabled true) disabled=$(plan few_disabled false)
ask "CREATE INDEX rare ON few_disabled (id) WHERE disabled_at IS NOT NULL"
partial=$(plan few_disabled false)
printf '%s\n' "few enabled, = true:" "$enabled" "few disabled, = false:" "$disabled" "with a partial index:" "$partial"
[[ $enabled == *"using few_enabled_state"* ]]
[[ $disabled == *"Filter: (disabled_at IS NOT NULL)"* && $disabled != *few_disabled_state* ]]
[[ $partial == *"using rare"* ]]
