"""The service behind real PgBouncers, by docs/guides/pgbouncer.md: Debian's own, and a newer one for transaction mode."""

import re
import shutil
import signal
import statistics
import subprocess
import tempfile
import threading
import time
import uuid
from collections import Counter
from pathlib import Path

import grpc
import pytest

import guides
from countersign import BINARY, PASSWORD, ROOT, Countersign
from postgres import Postgres
from programs import STOP, Program, accepts, free_port

DEBIANS = "/usr/sbin/pgbouncer"
NEWER = ROOT / ".tools/real/debian-13/bin/pgbouncer"
LISTENS = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'"


def version(program) -> tuple[int, ...]:
    text = subprocess.run([str(program), "--version"], check=True, capture_output=True, text=True).stdout
    return tuple(int(part) for part in re.search(r"PgBouncer ([\d.]+)", text)[1].split("."))


class PgBouncer(Program):
    """By the guide's files, before a cluster whose database and roles `prepare` has made."""

    def __init__(self, folder: Path, postgres: Postgres, program, mode: str = "transaction", **changes: str):
        self.port, self.program, self.mode = free_port(), program, mode
        self.home = Path(tempfile.mkdtemp(prefix="countersign-real-"))
        guides.write("pgbouncer", self.home, {
            "host=db.example.com port=5432": f"host=127.0.0.1 port={postgres.port}",
            "db.example.com:5432": f"127.0.0.1:{postgres.port}",
            "127.0.0.1:6432": f"127.0.0.1:{self.port}",
            "listen_port = 6432": f"listen_port = {self.port}",
            "/etc/pgbouncer/userlist.txt": f"{self.home}/userlist.txt",
        })  # fmt: skip
        ini = self.home / "pgbouncer.ini"
        text = ini.read_text()
        if mode == "session":
            # As the guide says of it.
            changes |= {"pool_mode = transaction": "pool_mode = session", "max_prepared_statements = 200\n": ""}
        elif version(program) < (1, 21):
            changes["max_prepared_statements = 200\n"] = ""
        for old, new in changes.items():
            assert old in text, f"the guide does not say {old}"
            text = text.replace(old, new)
        ini.write_text(text)
        self.env = dict(line.split("=", 1) for line in (self.home / "countersign.env").read_text().splitlines())
        self.home.chmod(0o755)
        command = [program, ini]
        if postgres.user:
            # It refuses root.
            command = ["setpriv", f"--reuid={postgres.user}", f"--regid={postgres.user}", "--clear-groups", *command]
        super().__init__(f"pgbouncer-{mode}", command, folder)

    @property
    def url(self) -> str:
        return self.env["DATABASE_URL"]

    @property
    def migrate_url(self) -> str:
        return self.env["COUNTERSIGN_MIGRATE_URL"]

    def start(self) -> "PgBouncer":
        super().start()
        self.wait_for("takes connections", lambda: accepts(self.port))
        return self

    def end(self) -> None:
        """As the guide says: from 1.23 on SIGTERM waits for clients to go, and SIGINT, in session mode, for sessions to end."""
        at_once = signal.SIGTERM if version(self.program) < (1, 23) else signal.SIGQUIT
        self.signal(signal.SIGINT if self.mode == "transaction" else at_once)
        self.process.wait(STOP)

    def kill(self) -> None:
        super().kill()
        shutil.rmtree(self.home, ignore_errors=True)


def prepare(postgres: Postgres, owner_serves: bool = False) -> None:
    """The database, and the roles with the rights of docs/operations.md."""
    for role in ("owner", "service"):
        postgres.sql(f"CREATE ROLE countersign_{role} LOGIN PASSWORD '{role}-password'")
    postgres.sql("CREATE DATABASE countersign")
    text = (ROOT / "docs/operations.md").read_text()
    rights = next(block for block in re.findall(r"```sql\n(.*?)```", text, re.DOTALL) if "ALTER DEFAULT PRIVILEGES" in block)
    postgres.sql(rights, "countersign")
    if owner_serves:
        postgres.sql("GRANT CREATE ON SCHEMA public TO countersign_service", "countersign")


def serve(tmp_path: Path, run, pooler: PgBouncer, name: str = "countersign", **settings: str) -> Countersign:
    return run(Countersign(tmp_path, pooler.url, name, **{"COUNTERSIGN_BCRYPT_COST": "10"} | settings))


class Caller:
    """A user of one replica."""

    def __init__(self, server: Countersign):
        from auth.v1 import auth_service_pb2 as auth
        from auth.v1 import auth_service_pb2_grpc

        self.auth, self.stub = auth, auth_service_pb2_grpc.AuthServiceStub(server.channel())

    def register(self, username: str, request_id: str = "", two_factor: bool = False):
        request = self.auth.RegisterRequest(
            username=username, email=f"{username}@example.com", password=PASSWORD, two_factor=two_factor, request_id=request_id
        )
        return self.stub.Register(request, timeout=20)

    def login(self, username: str):
        return self.stub.Login(self.auth.LoginRequest(username=username, password=PASSWORD), timeout=20)

    def refresh(self, token: str, request_id: str = "") -> str:
        request = self.auth.RefreshTokenRequest(refresh_token=token, request_id=request_id)
        return self.stub.RefreshToken(request, timeout=20).tokens.refresh_token

    def logout(self, token: str) -> None:
        self.stub.Logout(self.auth.LogoutRequest(refresh_token=token), timeout=20)


def flow(server: Countersign, username: str = "alice") -> None:
    """Registers, logs in with a code, refreshes and logs out."""
    caller = Caller(server)
    caller.register(username, two_factor=True)
    challenge = caller.login(username).challenge.challenge_id
    request = caller.auth.Verify2FARequest(challenge_id=challenge, otp_code=server.code_for(username))
    tokens = caller.stub.Verify2FA(request, timeout=20).tokens
    caller.logout(caller.refresh(tokens.refresh_token))


def complaints(program: Program) -> list[str]:
    """The lines of a log above INFO."""
    return [line for line in program.text().splitlines() if re.search(r"\b(WARN(ING)?|ERROR|FATAL|PANIC)\b", line)]


def migrate(tmp_path: Path, **settings: str) -> subprocess.CompletedProcess:
    environment = Countersign(tmp_path, "").environment | settings
    return subprocess.run([BINARY, "migrate"], env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("program", [pytest.param(DEBIANS, id="debians", marks=pytest.mark.short), pytest.param(NEWER, id="newer")])
def test_session_mode_takes_everything_migrations_and_listen_as_well(tmp_path, run, postgres, program):
    prepare(postgres, owner_serves=True)
    pooler = run(PgBouncer(tmp_path, postgres, program, "session"))
    print("PgBouncer", version(program))
    server = serve(tmp_path, run, pooler)
    server.wait_for("it listens", lambda: postgres.sql(LISTENS) == "1")
    # Migrations look for what is not there yet, which Postgres writes down.
    before = complaints(postgres)
    flow(server)
    assert server.stop() == 0
    assert complaints(postgres) == before and complaints(server) == []


@pytest.mark.short
def test_transaction_mode_takes_all_but_migrations(tmp_path, run, postgres):
    prepare(postgres)
    pooler = run(PgBouncer(tmp_path, postgres, NEWER))
    print("PgBouncer", version(NEWER))
    refused = migrate(tmp_path, DATABASE_URL=pooler.url)
    print(refused.stderr)
    assert refused.returncode != 0
    assert "transaction mode" in refused.stderr and "COUNTERSIGN_MIGRATE_URL" in refused.stderr
    # The way out that it names.
    assert migrate(tmp_path, **pooler.env).returncode == 0
    server = serve(tmp_path, run, pooler, COUNTERSIGN_MIGRATE_URL=pooler.migrate_url)
    flow(server)
    assert postgres.sql(LISTENS) == "0"
    assert server.stop() == 0


@pytest.mark.parametrize("program, changes", [
    pytest.param(DEBIANS, {}, id="before-1.21"),
    pytest.param(NEWER, {"max_prepared_statements = 200": "max_prepared_statements = 0"}, id="turned-off"),
])  # fmt: skip
def test_transaction_mode_without_prepared_statements_is_refused_with_what_is_needed(tmp_path, run, postgres, program, changes):
    if program == DEBIANS:
        assert version(program) < (1, 21), "this test is of Debian 12, whose own PgBouncer is old"
    prepare(postgres)
    pooler = run(PgBouncer(tmp_path, postgres, program, **changes))
    assert migrate(tmp_path, DATABASE_URL=pooler.migrate_url).returncode == 0
    server = Countersign(tmp_path, pooler.url)
    ended = subprocess.run(server.command, env=server.environment, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    print(ended.stderr)
    assert ended.returncode != 0 and "PgBouncer must be 1.21 or newer with max_prepared_statements" in ended.stderr


# What Postgres says where a statement without a name is made on one of the pooler's connections and run on another.
LOST = "unnamed prepared statement does not exist"


def test_no_statement_leaves_a_line_in_any_log(tmp_path, run, postgres):
    prepare(postgres)
    assert migrate(tmp_path, DATABASE_URL=postgres.url("countersign", "countersign_owner")).returncode == 0
    pooler = run(PgBouncer(tmp_path, postgres, NEWER))
    server = serve(tmp_path, run, pooler)
    flow(server, "warm")
    started = [complaints(program) for program in (server, pooler)]
    in_postgres = complaints(postgres)
    # PgBouncer's own, of the look whether a pooler is there: at the start, not at each connection or statement.
    print(started[1])
    assert started[0] == [] and len(started[1]) <= 2
    for number in range(10):
        flow(server, f"user{number}")
    assert [complaints(program) for program in (server, pooler)] == started
    assert complaints(postgres) == in_postgres


def test_no_statement_is_lost_between_two_of_the_poolers_connections(tmp_path, run, postgres):
    prepare(postgres)
    assert migrate(tmp_path, DATABASE_URL=postgres.url("countersign", "countersign_owner")).returncode == 0
    pooler = run(PgBouncer(tmp_path, postgres, NEWER))
    servers = [serve(tmp_path, run, pooler, name) for name in ("one", "other")]
    load = Load(servers)
    try:
        servers[0].wait_for("a load", lambda: load.successes_after(0) > 1500)
    finally:
        load.stop()
    took = max(call[1] for call in load.calls) - min(call[0] for call in load.calls)
    assert load.unexpected == []
    print(f"{postgres.text().count(LOST)} lines in {took:.0f} s")
    assert LOST not in postgres.text()


def test_a_revocation_is_heard_of_within_a_second_on_another_replica(tmp_path, run, postgres):
    """LISTEN is of no use there: the replicas look."""
    from auth.v1 import token_service_pb2 as token
    from auth.v1 import token_service_pb2_grpc

    prepare(postgres)
    assert migrate(tmp_path, DATABASE_URL=postgres.url("countersign", "countersign_owner")).returncode == 0
    pooler = run(PgBouncer(tmp_path, postgres, NEWER))
    one, other = (serve(tmp_path, run, pooler, name) for name in ("one", "other"))
    stream = token_service_pb2_grpc.TokenServiceStub(other.channel()).WatchRevocations(token.WatchRevocationsRequest(), timeout=60)
    heard: dict[str, float] = {}

    def hear() -> None:
        try:
            for message in stream:
                if message.HasField("revocation"):
                    heard[message.revocation.session_id] = time.monotonic()
        except grpc.RpcError as end:
            if end.code() != grpc.StatusCode.CANCELLED:
                raise

    thread = threading.Thread(target=hear)
    thread.start()
    try:
        caller, waits = Caller(one), []
        caller.register("alice")
        for _ in range(10):
            tokens = caller.login("alice").tokens
            caller.logout(tokens.refresh_token)
            at = time.monotonic()
            other.wait_for("the revocation", lambda tokens=tokens: tokens.session_id in heard, 10)
            waits.append(max(0, heard[tokens.session_id] - at))
    finally:
        stream.cancel()
        thread.join()
    print(f"revocations were heard of after {statistics.median(waits):.2f} s, at the most {max(waits):.2f} s")
    assert max(waits) < 3


class Load:
    """Nine callers, each with its own users: registrations, logins, refreshes. What was acknowledged is looked for afterwards."""

    def __init__(self, servers: list[Countersign]):
        self.over = threading.Event()
        self.users, self.sessions = [], {}
        self.calls: list[tuple[float, float, str]] = []
        self.unexpected: list[str] = []
        self.threads = [threading.Thread(target=self._guard, args=[Caller(servers[n % len(servers)]), n]) for n in range(9)]
        for thread in self.threads:
            thread.start()

    def _guard(self, caller: Caller, number: int) -> None:
        try:
            self._work(caller, number)
        except Exception as error:  # A thread's; the test looks at it.
            self.unexpected.append(repr(error))

    def _call(self, call):
        begun, code = time.monotonic(), "OK"
        try:
            return call()
        except grpc.RpcError as error:
            code = error.code().name
            if code != "UNAVAILABLE":
                self.unexpected.append(f"{code}: {error.details()}")
            return None
        finally:
            self.calls.append((begun, time.monotonic(), code))
            self.over.wait(0.02)

    def _until_answered(self, call):
        """The same request again until it is answered, as the README tells callers to."""
        while not self.over.is_set():
            if (answer := self._call(call)) is not None:
                return answer
        return None

    def _work(self, caller: Caller, number: int) -> None:
        count, token = 0, None
        while not self.over.is_set():
            name, request_id = f"caller{number}-{count}", str(uuid.uuid4())
            count += 1
            if self._until_answered(lambda: caller.register(name, request_id)) is None:
                return
            self.users.append(name)
            if (answer := self._until_answered(lambda: caller.login(name))) is None:
                return
            token = answer.tokens.refresh_token
            for _ in range(20):
                request_id = str(uuid.uuid4())
                if (answer := self._until_answered(lambda: caller.refresh(token, request_id))) is None:
                    # Whether it was refreshed is not known: not acknowledged.
                    self.sessions.pop(name, None)
                    return
                token = answer
                self.sessions[name] = token

    def successes_after(self, moment: float) -> int:
        return sum(begun > moment and code == "OK" for begun, _, code in list(self.calls))

    def stop(self) -> None:
        self.over.set()
        for thread in self.threads:
            thread.join(60)
            assert not thread.is_alive(), "a call does not end"

    def verify(self, caller: Caller) -> None:
        """Everybody who was acknowledged can log in, every session can go on."""
        for name, token in self.sessions.items():
            caller.refresh(token)
        for name in self.users:
            assert caller.login(name).tokens.access_token, name

    def figures(self, begin: float) -> str:
        calls = [call for call in self.calls if call[1] > begin]
        successes = sorted(ended for _, ended, code in calls if code == "OK")
        gap = max((b - a for a, b in zip(successes, successes[1:])), default=0)
        times = sorted(ended - begun for begun, ended, code in calls if code == "OK")
        failed = Counter(code for _, _, code in calls if code != "OK")
        return (
            f"{len(calls)} calls, failed: {dict(failed) or 'none'}, longest gap {gap:.2f} s, median {statistics.median(times) * 1000:.0f} ms, "
            f"longest {times[-1]:.2f} s, acknowledged users {len(self.users)}"
        )


@pytest.mark.parametrize("program, mode", [(DEBIANS, "session"), (NEWER, "session"), (NEWER, "transaction")])
def test_a_restart_of_pgbouncer_loses_nothing_that_was_acknowledged(tmp_path, run, postgres, program, mode):
    prepare(postgres)
    assert migrate(tmp_path, DATABASE_URL=postgres.url("countersign", "countersign_owner")).returncode == 0
    pooler = run(PgBouncer(tmp_path, postgres, program, mode))
    server = serve(tmp_path, run, pooler)
    load = Load([server])
    try:
        server.wait_for("a load", lambda: load.successes_after(0) > 100)
        for end in (pooler.end, lambda: Program.kill(pooler)):
            begun = time.monotonic()
            end()
            ended = time.monotonic()
            pooler.start()
            back = time.monotonic()
            server.wait_for("calls succeed again", lambda back=back: load.successes_after(back) > 50)
            first = min(at for _, at, code in list(load.calls) if at > back and code == "OK") - back
            print(f"PgBouncer {version(program)}, {mode}: away {back - ended:.2f} s, end took {ended - begun:.2f} s, "
                  f"first success {first:.2f} s after it was back; {load.figures(begun)}")  # fmt: skip
    finally:
        load.stop()
    assert load.unexpected == []
    load.verify(Caller(server))
    assert server.stop() == 0


# Which signal ends it while the service is connected, as the guide says.
ENDS = [
    (DEBIANS, "session", signal.SIGTERM, True),
    (DEBIANS, "session", signal.SIGINT, False),
    (NEWER, "session", signal.SIGTERM, False),
    (NEWER, "session", signal.SIGINT, False),
    (NEWER, "session", signal.SIGQUIT, True),
    (NEWER, "transaction", signal.SIGTERM, False),
    (NEWER, "transaction", signal.SIGINT, True),
]


@pytest.mark.parametrize("program, mode, number, ends", ENDS)
def test_which_signal_ends_pgbouncer_beside_a_service_that_stays(tmp_path, run, postgres, program, mode, number, ends):
    prepare(postgres)
    assert migrate(tmp_path, DATABASE_URL=postgres.url("countersign", "countersign_owner")).returncode == 0
    pooler = run(PgBouncer(tmp_path, postgres, program, mode))
    server = serve(tmp_path, run, pooler)
    flow(server)
    pooler.signal(number)
    try:
        # A negative takes a while: five seconds are many times what the others need.
        status = pooler.process.wait(5)
        print(f"{version(program)}, {mode}: {number.name} ended it with {status}")
        assert ends
    except subprocess.TimeoutExpired:
        print(f"{version(program)}, {mode}: {number.name} did not end it")
        assert not ends


def test_three_replicas_share_a_small_pool(tmp_path, run, postgres):
    prepare(postgres)
    assert migrate(tmp_path, DATABASE_URL=postgres.url("countersign", "countersign_owner")).returncode == 0
    for size in ("20", "5"):
        pooler = run(PgBouncer(tmp_path, postgres, NEWER, **{"default_pool_size = 20": f"default_pool_size = {size}"}))
        servers = [serve(tmp_path, run, pooler, f"replica{number}-{size}") for number in range(3)]
        load, begun = Load(servers), time.monotonic()
        try:
            servers[0].wait_for("a load", lambda load=load: load.successes_after(0) > 500)
        finally:
            load.stop()
        connections = postgres.sql("SELECT count(*) FROM pg_stat_activity WHERE usename = 'countersign_service'")
        print(f"three replicas on a pool of {size}: {connections} connections to Postgres; {load.figures(begun)}")
        assert load.unexpected == []
        assert {code for _, _, code in load.calls} == {"OK"}
        assert int(connections) <= int(size)
        for server in servers:
            assert server.stop() == 0
        pooler.end()
        postgres.sql("TRUNCATE users CASCADE", "countersign")
