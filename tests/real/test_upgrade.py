"""A rolling upgrade: two replicas of an earlier release serve while the next one migrates, starts and takes their place.

By hand: `tests/real/run -k upgrade`. It builds both releases (`releases.py`) for minutes: CI's short form leaves it out.
"""

import collections
import contextlib
import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import psycopg
import pytest

import releases
from countersign import PASSWORD, Countersign
from load import Replicas, http_status
from postgres import Postgres
from programs import Program, free_port, wait_until

SERVICES = ("auth.v1.AuthService", "auth.v1.AccountService", "auth.v1.TokenService")
# A client that balances between all addresses, and soon finds a replica that starts.
BALANCED = [
    ("grpc.service_config", json.dumps({"loadBalancingConfig": [{"round_robin": {}}]})),
    # Without an authority, the list of addresses would be it.
    ("grpc.default_authority", "countersign"),
    ("grpc.min_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 500),
]
# Seconds for which a transaction is in the way: longer than a call waits for a connection (3 s) or a statement may take (10 s).
LONG = 15


@pytest.fixture(scope="session")
def earlier() -> Path:
    return releases.earlier()


@pytest.fixture(scope="session")
def next_one() -> Path:
    return releases.next_one()


class Calls:
    """A caller of each kind, again and again. Every failure is kept."""

    def __init__(self, addresses: list[str]):
        from auth.v1 import account_service_pb2 as account
        from auth.v1 import account_service_pb2_grpc, auth_service_pb2_grpc, token_service_pb2_grpc
        from auth.v1 import auth_service_pb2 as auth
        from auth.v1 import token_service_pb2 as token

        self.channel = grpc.insecure_channel("ipv4:" + ",".join(addresses), options=BALANCED)
        self.messages = auth, account, token
        self.auth = auth_service_pb2_grpc.AuthServiceStub(self.channel)
        self.account = account_service_pb2_grpc.AccountServiceStub(self.channel)
        self.token = token_service_pb2_grpc.TokenServiceStub(self.channel)
        grpc.channel_ready_future(self.channel).result(timeout=30)

        self.owner, self.refreshing, self.username = self.register(), self.register(), self.register()
        self.access = self.log_in(self.owner).access_token
        self.chain = self.log_in(self.refreshing).refresh_token
        self.ended: collections.Counter[str] = collections.Counter()
        self.failed: collections.Counter[str] = collections.Counter()
        self.slowest: dict[str, float] = collections.defaultdict(float)
        self.slowest_of_all = 0.0
        self.over = threading.Event()
        self.kinds: dict[str, Callable[[], object]] = {
            "Register": self.register,
            "Login": lambda: self.log_in(self.username),
            "RefreshToken": self.refresh,
            "IntrospectToken": self.introspect,
            "ListSessions": self.list_sessions,
            "GetMe": self.get_me,
        }
        self.threads = [threading.Thread(target=self._work, args=each, daemon=True) for each in self.kinds.items()]

    def __enter__(self) -> "Calls":
        for thread in self.threads:
            thread.start()
        self.go_on()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        for thread in self.threads:
            thread.join(60)
        self.channel.close()

    def _work(self, kind: str, call: Callable[[], object]) -> None:
        while not self.over.wait(0.01):
            begun = time.monotonic()
            try:
                call()
            except grpc.RpcError as error:
                self.failed[f"{kind}: {error.code().name}: {error.details()}"] += 1
            except Exception as error:  # Of a thread; the test looks at it.
                self.failed[f"{kind}: {error!r}"] += 1
            self.slowest[kind] = max(self.slowest[kind], time.monotonic() - begun)
            self.ended[kind] += 1

    def go_on(self, times: int = 30) -> None:
        """Until each kind of call has ended so often from now on."""
        before = self.ended.copy()
        wait_until("calls of each kind", lambda: all(self.ended[kind] >= before[kind] + times for kind in self.kinds))

    def report(self, moment: str) -> None:
        seconds, kind = max((seconds, kind) for kind, seconds in dict(self.slowest).items())
        calls, failed = self.ended.total(), self.failed.total()
        print(f"{moment}: {calls} calls, {failed} failed, the slowest {seconds:.2f} s ({kind}) {dict(self.failed)}", flush=True)
        self.slowest_of_all = max(self.slowest_of_all, seconds)
        self.slowest.clear()

    def register(self) -> str:
        username = f"user-{uuid.uuid4().hex}"
        request = self.messages[0].RegisterRequest(username=username, email=f"{username}@example.com", password=PASSWORD)
        self.auth.Register(request, timeout=20)
        return username

    def log_in(self, username: str):
        return self.auth.Login(self.messages[0].LoginRequest(username=username, password=PASSWORD), timeout=20).tokens

    def refresh(self) -> None:
        # Each uses up what the one before has returned, perhaps from a replica of the other release.
        request = self.messages[0].RefreshTokenRequest(refresh_token=self.chain, request_id=str(uuid.uuid4()))
        self.chain = self.auth.RefreshToken(request, timeout=20).tokens.refresh_token

    def introspect(self) -> None:
        assert self.token.IntrospectToken(self.messages[2].IntrospectTokenRequest(token=self.access), timeout=20).active

    def _as_owner(self) -> list[tuple[str, str]]:
        return [("authorization", f"Bearer {self.access}")]

    def list_sessions(self) -> None:
        request = self.messages[1].ListSessionsRequest()
        assert len(self.account.ListSessions(request, timeout=20, metadata=self._as_owner()).sessions) == 1

    def get_me(self) -> None:
        request = self.messages[1].GetMeRequest()
        assert self.account.GetMe(request, timeout=20, metadata=self._as_owner()).user.username == self.owner


class Health:
    """Looks ten times a second whether replicas are ready, by /readyz and gRPC's health of each service."""

    def __init__(self, replicas: list[Countersign]):
        self.replicas, self.bad, self.looks, self.over = replicas, collections.Counter(), 0, threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "Health":
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.thread.join(60)

    def _watch(self) -> None:
        # As on the wire: a request has one field, a string, and a response one number, of which 1 is SERVING.
        checks = [(each, each.channel().unary_unary("/grpc.health.v1.Health/Check")) for each in self.replicas]
        while not self.over.wait(0.1):
            for replica, check in checks:
                try:
                    bad = [s for s in SERVICES if check(bytes([0x0A, len(s)]) + s.encode(), timeout=10) != b"\x08\x01"]
                    bad += ["/readyz"] if http_status(f"{replica.http}/readyz") != 200 else []
                except Exception as error:  # Of a thread; the test looks at it.
                    bad = [repr(error)]
                self.bad.update(f"{replica.name}: {what}" for what in bad)
            self.looks += 1


class Fleet:
    """Two replicas of the earlier release, and the addresses of two of the next one, which clients know from the start."""

    def __init__(self, folder: Path, postgres: Postgres, run, earlier: Path, later: Path):
        self.folder, self.postgres, self.run, self.later = folder, postgres, run, later
        addresses = [f"127.0.0.1:{free_port()}" for _ in range(4)]
        self.addresses = addresses
        self.old = [self._serve(f"old-{n}", earlier, addresses[n]) for n in range(2)]
        for replica in self.old:
            self._start(replica)

    def _serve(self, name: str, binary: Path, address: str) -> Countersign:
        # The default cost takes four times as long, and is not what is tested.
        settings = {"COUNTERSIGN_GRPC_ADDR": address, "COUNTERSIGN_BCRYPT_COST": "10"}
        return Countersign(self.folder, self.postgres.url(), name, binary=binary, **settings)

    def _start(self, replica: Countersign) -> Countersign:
        self.run(replica)
        Replicas.wait_until_ready(replica)
        return replica

    def migrate(self) -> Program:
        """`countersign migrate` of the next release, as it starts."""
        environment = self._serve("migrate", self.later, "127.0.0.1:0").environment
        return self.run(Program("migrate", [self.later, "migrate"], self.folder, environment))

    def replace(self) -> list[Countersign]:
        """Starts the new replicas."""
        return [self._start(self._serve(f"new-{n}", self.later, self.addresses[2 + n])) for n in range(2)]

    def complaints(self) -> list[str]:
        """What the old replicas have logged of errors, and of calls that failed because of the database."""
        lines = (line for replica in self.old for line in replica.text().splitlines())
        return [line for line in lines if '"level":"ERROR"' in line or "store unavailable" in line]

    def users(self, condition: str) -> int:
        return int(self.postgres.sql(f"SELECT count(*) FROM users WHERE {condition}"))


@contextlib.contextmanager
def long_transaction(postgres: Postgres) -> Iterator[None]:
    """A transaction that has read `users` and does not end, like that of a back-up or a forgotten terminal."""
    with psycopg.connect(postgres.url()) as connection:
        connection.execute("SELECT count(*) FROM users")
        yield


def test_no_call_fails_while_the_next_release_migrates_and_takes_over(tmp_path, postgres, run, earlier, next_one):
    fleet = Fleet(tmp_path, postgres, run, earlier, next_one)
    with Calls(fleet.addresses) as calls:
        with Health(fleet.old) as health:
            calls.report("two old replicas")
            migration = fleet.migrate()
            assert migration.process.wait(60) == 0, migration.text()
            calls.go_on()
            calls.report("two old replicas, on the schema of the next release")
            new = fleet.replace()
            wait_until("a user of each release", lambda: fleet.users("note = 'new'") and fleet.users("note IS NULL"))
            calls.go_on()
            calls.report("two of each")
        for replica in fleet.old:
            assert replica.stop() == 0
        calls.go_on()
        calls.report("two new replicas")
        # Going back: the earlier release starts on the schema of the next one.
        fleet._start(fleet.old[0])
        for replica in new:
            assert replica.stop() == 0
        calls.go_on()
        calls.report("an old replica again")
    assert health.bad == {} and health.looks > 10
    assert calls.failed == {}
    assert fleet.complaints() == []


def test_calls_do_not_fail_while_a_migration_waits_for_a_long_transaction(tmp_path, postgres, run, earlier, next_one):
    fleet = Fleet(tmp_path, postgres, run, earlier, next_one)
    with Calls(fleet.addresses) as calls, Health(fleet.old) as health:
        with long_transaction(postgres):
            begun = time.monotonic()
            migration = fleet.migrate()
            while time.monotonic() < begun + LONG:
                assert migration.process.poll() is None, migration.text()
                calls.go_on(1)
            calls.report(f"a migration that waits for {LONG} s")
        assert migration.process.wait(60) == 0, migration.text()
        calls.go_on()
        calls.report("migrated")
    assert "is tried again" in migration.text()
    assert health.bad == {} and health.looks > 10
    assert calls.failed == {} and fleet.complaints() == []
    # A lock is waited for 1.2 s, and not for as long as a caller might bear.
    assert calls.slowest_of_all < 5


@pytest.mark.parametrize("change, code", [
    # Contract at once: a column that the old release reads.
    pytest.param("DROP COLUMN disabled_at", "UNAVAILABLE", id="column-dropped"),
    # What a star does when a column is added: "cached plan must not change result type", on each connection that has the plan.
    pytest.param("ALTER COLUMN roles TYPE VARCHAR(1000)", "INTERNAL", id="result-type"),
])  # fmt: skip
def test_a_change_that_the_earlier_release_cannot_stand_is_noticed(tmp_path, postgres, run, earlier, change, code):
    fleet = Fleet(tmp_path, postgres, run, earlier, earlier)
    with Calls(fleet.addresses) as calls:
        postgres.sql(f"ALTER TABLE users {change}")
        calls.go_on()
        calls.report(change)
    assert any(code in failure for failure in calls.failed)
    assert fleet.complaints() != []
