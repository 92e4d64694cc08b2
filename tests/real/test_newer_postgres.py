"""The service on Postgres 17 and 18, which have a limit of their own for transactions: `transaction_timeout`.

Settings of the role that would disturb are tested on Debian's Postgres, one by one, by tests/it/database_setup. Here they are all there
at once, and SQLSTATE 25P04 is a server's own.
"""

import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from countersign import Countersign
from every_rpc import SETTINGS, World
from postgres import Postgres, newer
from programs import wait_until
from test_pgbouncer import LISTENS, NEWER, PgBouncer, migrate, prepare

# What a role may be set to, against which the service sets its own.
HOSTILE = {
    "default_transaction_isolation": "serializable",
    "default_transaction_read_only": "on",
    "idle_in_transaction_session_timeout": "1ms",
    "lock_timeout": "1ms",
    "statement_timeout": "1ms",
    "transaction_timeout": "300ms",
}
TIMED_OUT = "terminating connection due to transaction timeout"
# Tries of a transaction that was certainly not committed (src/store/postgres/transaction.rs).
MAX_TRIES = 5


@pytest.fixture
def postgres(request, tmp_path: Path, run) -> Iterator[Postgres]:
    """A cluster of the release, with the database and a role that owns it."""
    cluster = Postgres(tmp_path, servers=newer(request.param))
    try:
        cluster.initialise()
        run(cluster)
        assert cluster.sql("SHOW server_version").startswith(f"{request.param}.")
        yield cluster
        cluster.kill()
    finally:
        cluster.remove()


def in_short(*releases: str) -> pytest.MarkDecorator:
    """On both releases; on these also in the short form."""
    both = [pytest.param(each, marks=[pytest.mark.short] if each in releases else []) for each in ("17", "18")]
    return pytest.mark.parametrize("postgres", both, indirect=True)


def role(postgres: Postgres, **settings: str) -> str:
    """The URL of a database by the role that owns it."""
    postgres.sql("CREATE ROLE service LOGIN")
    for name, value in settings.items():
        postgres.sql(f"ALTER ROLE service SET {name} = '{value}'")
    postgres.sql("CREATE DATABASE countersign OWNER service")
    return postgres.url("countersign", "service")


@contextlib.contextmanager
def locked(postgres: Postgres, table: str) -> Iterator[None]:
    """The table is somebody else's until the end."""
    with psycopg.connect(postgres.url("countersign")) as connection:
        connection.execute(f"LOCK TABLE {table}")
        yield


@in_short("17")
def test_every_rpc_succeeds_whatever_the_role_is_set_to(tmp_path, run, postgres):
    server = run(Countersign(tmp_path, role(postgres, **HOSTILE), **SETTINGS))
    server.wait_for("it listens", lambda: postgres.sql(LISTENS) == "1")
    world = World(server)
    world.round()
    assert not world.call.missing()
    assert TIMED_OUT not in postgres.text()
    assert server.stop() == 0


@in_short()
def test_a_lock_that_is_held_for_longer_than_the_roles_limits_is_waited_for(tmp_path, run, postgres):
    server = run(Countersign(tmp_path, role(postgres, **HOSTILE), **SETTINGS))
    world = World(server)
    long = "SELECT count(*) FROM pg_locks WHERE NOT granted AND clock_timestamp() - waitstart > interval '600ms'"
    with ThreadPoolExecutor() as background:
        with locked(postgres, "users"):
            call = background.submit(world.register, "alice")
            wait_until("it has waited for long", lambda: postgres.sql(long, "countersign") == "1" or call.done())
            assert not call.done()
        call.result()
    assert TIMED_OUT not in postgres.text()


@in_short("18")
def test_a_transaction_that_ran_into_the_limit_is_tried_again_and_then_away(tmp_path, run, postgres):
    """The limit is one that a trigger sets: any that the role has, the service sets to none."""
    server = run(Countersign(tmp_path, role(postgres), **SETTINGS))
    world = World(server)
    world.register("before")
    postgres.sql(
        "CREATE TABLE held (); GRANT ALL ON held TO service;"
        "CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "  SET LOCAL transaction_timeout = '300ms'; LOCK TABLE held; RETURN NEW; END $$;"
        "CREATE TRIGGER hold BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION hold()",
        "countersign",
    )
    with locked(postgres, "held"):
        world.register("never", "UNAVAILABLE")
        assert postgres.text().count(TIMED_OUT) == MAX_TRIES
    with ThreadPoolExecutor() as background:
        with locked(postgres, "held"):
            call = background.submit(world.register, "alice")
            wait_until("its first try is over", lambda: postgres.text().count(TIMED_OUT) > MAX_TRIES or call.done())
        call.result()
    # What timed out left nothing behind, and the connections that it ended are replaced.
    assert postgres.sql("SELECT count(*) FROM users WHERE username IN ('never', 'alice')", "countersign") == "1"
    assert server.stop() == 0


@in_short()
def test_behind_pgbouncer_reads_keep_the_roles_limit_and_are_away_when_it_is_reached(tmp_path, run, postgres):
    """In transaction mode single reads get no settings of ours: docs/guides/pgbouncer.md."""
    prepare(postgres)
    postgres.sql("ALTER ROLE countersign_service SET transaction_timeout = '1s'")
    pooler = run(PgBouncer(tmp_path, postgres, NEWER))
    assert migrate(tmp_path, **pooler.env).returncode == 0
    server = run(Countersign(tmp_path, pooler.url, COUNTERSIGN_MIGRATE_URL=pooler.migrate_url, **SETTINGS))
    world = World(server)
    world.run(0)
    assert not world.call.missing()
    with locked(postgres, "users"):
        world.register("alice", "UNAVAILABLE")
        assert TIMED_OUT in postgres.text()
    world.round()
    assert server.stop() == 0
