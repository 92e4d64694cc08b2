"""Fail-over with real servers: what nine callers see, and that nothing is lost which was acknowledged to them."""

import contextlib
import signal
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from countersign import Countersign
from fail_over_cluster import (
    Haproxy, PatroniCluster, Primary, Relay, Standby, database_url, end, freeze, one_address, server_on,
)  # fmt: skip
from fail_over_load import Row, measure, table
from programs import running, wait_until


class Figures:
    """The rows of all events, printed at the end of the run."""

    def __init__(self):
        self.rows: list[Row] = []

    def judge(self, rows: list[Row]) -> None:
        """Once all events of a test are measured: one that went wrong does not hide the figures of those after it."""
        self.rows += rows
        faults = [f"{row.path}, {row.event}: {fault}" for row in rows for fault in row.faults]
        assert not faults, "\n".join(faults)

    def pytest_terminal_summary(self, terminalreporter) -> None:
        terminalreporter.section("fail-over")
        terminalreporter.write_line(table(self.rows))


@pytest.fixture(scope="session")
def figures(request: pytest.FixtureRequest) -> Figures:
    figures = Figures()
    request.config.pluginmanager.register(figures)
    return figures


def serve(folder, url: str) -> Countersign:
    # The lowest cost that production may have: the machine is to wait for the database, not for hashes.
    settings = {"COUNTERSIGN_BCRYPT_COST": "10", "COUNTERSIGN_SESSIONS_PER_USER": "1000", "COUNTERSIGN_DRAIN_DELAY": "0s"}
    return Countersign(folder, url, **settings)


@pytest.fixture
def cluster(tmp_path) -> Iterator[PatroniCluster]:
    cluster = PatroniCluster(tmp_path)
    try:
        yield cluster.start()
    finally:
        cluster.remove()


@pytest.mark.parametrize("path", ["HAProxy", "HAProxy without shutdown-sessions", "several hosts"])
def test_patroni(tmp_path, run, figures, cluster, path):
    if path == "several hosts":
        url = cluster.url("hosts.env")
    else:
        leave_out = " on-marked-down shutdown-sessions" if "without" in path else None
        url = cluster.url("haproxy.env", run(Haproxy(tmp_path, cluster.nodes, leave_out)).port)
    server = run(serve(tmp_path, url))
    rows = []

    def event(name: str, happen, **options) -> None:
        rows.append(measure(server, url, path, name, happen, **options))
        cluster.mend()

    event("switchover", cluster.switch_over)
    event("kill -9 of the postmaster", lambda: cluster.leader().kill_postgres())
    event("loss of the node", lambda: cluster.leader().kill())
    event("silence of the node", lambda: cluster.leader().freeze())
    event("loss of the standby", lambda: cluster.other().kill(), moves=False, waits=True)
    event("switchover back", cluster.switch_over)
    event("etcd away", cluster.lose_etcd, moves=False)
    assert server.stop() == 0
    figures.judge(rows)


class Pair:
    """A primary and its synchronous standby, behind one address."""

    def __init__(self, primary: Primary, standby: Standby, relay: Relay):
        self.primary, self.standby, self.relay = primary, standby, relay
        self.url = database_url("standby", "service.env", {"10.0.0.10:5432": f"127.0.0.1:{relay.port}"})

    def wait_until_synchronous(self) -> None:
        state = "SELECT sync_state FROM pg_stat_replication"
        wait_until("the standby is synchronous", lambda: self.primary.sql(state) == "sync")

    def promote(self) -> None:
        self.standby.sql("SELECT pg_promote()")
        self.relay.point(self.standby.port)

    def lose(self) -> None:
        """The primary is gone, and its standby takes over."""
        end(server_on(self.primary.data / "data"))
        self.promote()

    def freeze(self) -> None:
        """The primary says nothing more, and its connections stay open."""
        freeze(server_on(self.primary.data / "data"))

    def demote(self, server: Countersign) -> None:
        """The primary comes back as a standby of the other one, and the address leads there for a while."""
        self.stop()
        self.standby.sql("SELECT pg_promote()")
        data = self.primary.data / "data"
        (data / "standby.signal").touch()
        with (data / "postgresql.auto.conf").open("a") as configuration:
            configuration.write(f"primary_conninfo = '{self.standby.url()}'\n")
        self.primary.start()
        wait_until("the service is not ready", lambda: not ready(server))
        self.relay.point(self.standby.port)

    def crash(self) -> None:
        """kill -9 of the postmaster, and a start as soon as its children are gone."""
        below = server_on(self.primary.data / "data")
        self.primary.kill()
        end(below)
        self.primary.start()

    def stop(self) -> None:
        self.primary.signal(signal.SIGINT)
        self.primary.process.wait(60)

    def restart(self) -> None:
        self.stop()
        self.primary.start()

    def terminate(self) -> None:
        clients = "backend_type = 'client backend' AND pid <> pg_backend_pid()"
        self.primary.sql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {clients}")


def ready(server: Countersign) -> bool:
    with contextlib.suppress(urllib.error.HTTPError), urllib.request.urlopen(f"{server.http}/readyz", timeout=5):
        return True
    return False


@pytest.fixture
def pair(tmp_path) -> Iterator[Pair]:
    primary = Primary(tmp_path)
    standby = Standby(tmp_path, primary)
    try:
        primary.initialise()
        with running(primary):
            standby.initialise()
            with running(standby), one_address(primary.port) as relay:
                pair = Pair(primary, standby, relay)
                pair.wait_until_synchronous()
                primary.make_database()
                try:
                    yield pair
                finally:
                    # With their children, which otherwise outlive them for a moment, or for good if they are frozen.
                    for server in (primary, standby):
                        end(server_on(server.data / "data"))
    finally:
        primary.remove()
        standby.remove()


def one_event(tmp_path, run, figures, pair: Pair, event: str, happen, moves: bool = True) -> None:
    server = run(serve(tmp_path, pair.url))
    figures.judge([measure(server, pair.url, "one address", event, lambda: happen(server), moves)])
    assert server.stop() == 0


@pytest.mark.short
def test_kill_9_and_restart_and_then_a_promotion(tmp_path, run, figures, pair):
    server = run(serve(tmp_path, pair.url))
    rows = [measure(server, pair.url, "one address", "kill -9, start", pair.crash)]
    pair.wait_until_synchronous()
    rows.append(measure(server, pair.url, "one address", "promotion", pair.lose))
    assert server.stop() == 0
    figures.judge(rows)


def test_restart(tmp_path, run, figures, pair):
    one_event(tmp_path, run, figures, pair, "restart", lambda _: pair.restart())


def test_all_connections_terminated(tmp_path, run, figures, pair):
    one_event(tmp_path, run, figures, pair, "pg_terminate_backend of all", lambda _: pair.terminate(), moves=False)


def test_silence(tmp_path, run, figures, pair):
    def happen(_: Countersign) -> None:
        pair.freeze()
        pair.promote()

    one_event(tmp_path, run, figures, pair, "silence, promotion at once", happen)


def test_long_silence(tmp_path, run, figures, pair):
    def happen(server: Countersign) -> None:
        pair.freeze()
        wait_until("the service is not ready", lambda: not ready(server))
        pair.promote()

    one_event(tmp_path, run, figures, pair, "silence, promotion later", happen)


def test_old_primary_comes_back_as_a_standby_behind_the_address(tmp_path, run, figures, pair):
    one_event(tmp_path, run, figures, pair, "the old primary is a standby, then the address moves", pair.demote)
