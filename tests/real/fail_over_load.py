"""Callers who go on while the database moves, and what they see: the figures of one event."""

import contextlib
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import grpc
import psycopg

from countersign import PASSWORD, Countersign
from programs import Failed, wait_until

# Seconds. The service answers before this one, so what is seen is its answer.
DEADLINE = 20
# Between two calls of one caller: nine of them without a pause would measure Python.
PAUSE = 0.05
# The longest that a call may take: the service gives up a statement after twelve seconds, a wait for a connection after three.
LONGEST_CALL = 16
# From the new primary's taking connections to the first acknowledged write. The service promises two; this bound is for machines
# with other work on them, and the table has the figure.
FIRST_SUCCESS = 5
# So long there was no failure before an event counts as over.
QUIET = 3
# The service looks every two seconds whether it is ready; a loaded machine takes longer.
NOTICES_WITHIN = 6
# What a call may fail with while there is no primary. INTERNAL or UNAUTHENTICATED would be wrong.
EXPECTED = {"UNAVAILABLE", "DEADLINE_EXCEEDED"}


@dataclass
class Call:
    kind: str
    begun: float
    ended: float
    error: str | None
    writes: bool


class Stubs:
    def __init__(self, server: Countersign):
        from auth.v1 import auth_service_pb2, auth_service_pb2_grpc, token_service_pb2, token_service_pb2_grpc

        self.channel = server.channel()
        self.auth, self.token = auth_service_pb2, token_service_pb2
        self.auth_service = auth_service_pb2_grpc.AuthServiceStub(self.channel)
        self.token_service = token_service_pb2_grpc.TokenServiceStub(self.channel)

    def register(self, username: str, request_id: str):
        request = self.auth.RegisterRequest(
            username=username, email=f"{username}@example.com", password=PASSWORD, request_id=request_id
        )
        return self.auth_service.Register(request, timeout=DEADLINE)

    def login(self, username: str):
        return self.auth_service.Login(self.auth.LoginRequest(username=username, password=PASSWORD), timeout=DEADLINE).tokens

    def refresh(self, refresh_token: str, request_id: str):
        request = self.auth.RefreshTokenRequest(refresh_token=refresh_token, request_id=request_id)
        return self.auth_service.RefreshToken(request, timeout=DEADLINE).tokens

    def introspect(self, access_token: str):
        answer = self.token_service.IntrospectToken(self.token.IntrospectTokenRequest(token=access_token), timeout=DEADLINE)
        if not answer.active:
            raise Failed("IntrospectToken said of a good token that it is not active")


def reason(error: grpc.RpcError) -> str:
    """The status, and what the details say where a repeated refresh was taken for a theft."""
    details = next((value for key, value in error.trailing_metadata() or () if key == "grpc-status-details-bin"), b"")
    return "REFRESH_REUSED" if b"REFRESH_REUSED" in details else error.code().name


class Chain:
    """A session that is refreshed again and again: the newest refresh token, and the id for its next use."""

    def __init__(self, token: str):
        self.go_on(token)

    def go_on(self, token: str) -> None:
        self.token, self.request_id = token, str(uuid.uuid4())


class Callers:
    """Nine callers, from `start` to `stop`. What was acknowledged to them is then looked for by `verify`."""

    def __init__(self, server: Countersign):
        self.stubs = Stubs(server)
        self.calls: list[Call] = []
        self.unexpected: list[str] = []
        self.registered: list[str] = []
        self.sessions: list[str] = []
        self.over = threading.Event()
        names = [f"caller-{uuid.uuid4().hex[:12]}" for _ in range(6)]
        for name in names:
            self.stubs.register(name, str(uuid.uuid4()))
        self.chains = [Chain(self.stubs.login(name).refresh_token) for name in names[:2]]
        tokens = [self.stubs.login(name).access_token for name in names[2:4]]
        work = (
            [self._register] * 3
            + [lambda name=name: self._log_in(name) for name in names[4:]]
            + [lambda chain=chain: self._refresh(chain) for chain in self.chains]
            + [lambda token=token: self._introspect(token) for token in tokens]
        )
        self.threads = [threading.Thread(target=self._work, args=[caller], daemon=True) for caller in work]

    def start(self) -> "Callers":
        for thread in self.threads:
            thread.start()
        self.wait_for_success()
        return self

    def stop(self) -> None:
        self.over.set()
        for thread in self.threads:
            thread.join(2 * DEADLINE)
            if thread.is_alive():
                raise Failed("a call did not end by its deadline")

    def _work(self, caller: Callable[[], None]) -> None:
        try:
            caller()
        except Exception as error:  # Of a thread; the test looks at it.
            self.unexpected.append(repr(error))

    def _call(self, kind: str, call: Callable[[], object], writes: bool = True):
        """The answer, or nothing where there is none."""
        error, answer, begun = None, None, time.monotonic()
        try:
            answer = call()
        except grpc.RpcError as failure:
            error = reason(failure)
            if error not in EXPECTED:
                self.unexpected.append(f"{kind}: {error}: {failure.details()}")
        self.calls.append(Call(kind, begun, time.monotonic(), error, writes))
        self.over.wait(PAUSE)
        return answer

    def _register(self) -> None:
        while not self.over.is_set():
            name, request_id = f"user-{uuid.uuid4().hex}", str(uuid.uuid4())
            # The same request until there is an answer: the user may be there already.
            while not self.over.is_set():
                if self._call("Register", lambda: self.stubs.register(name, request_id)):
                    self.registered.append(name)
                    break

    def _log_in(self, name: str) -> None:
        while not self.over.is_set():
            if tokens := self._call("Login", lambda: self.stubs.login(name)):
                self.sessions.append(tokens.refresh_token)

    def _refresh(self, chain: "Chain") -> None:
        while not self.over.is_set():
            # The same request until there is an answer: the token may be used up already.
            if tokens := self._call("RefreshToken", lambda: self.stubs.refresh(chain.token, chain.request_id)):
                chain.go_on(tokens.refresh_token)

    def _introspect(self, token: str) -> None:
        def look() -> bool:
            self.stubs.introspect(token)
            return True

        while not self.over.is_set():
            self._call("IntrospectToken", look, writes=False)

    def wait_for_success(self, seconds: float = 60) -> None:
        """Until each kind of call has succeeded after now."""
        begun = time.monotonic()
        kinds = {"Register", "Login", "RefreshToken", "IntrospectToken"}
        try:
            wait_until(
                "a success of each kind of call",
                lambda: kinds <= {call.kind for call in list(self.calls) if call.ended > begun and not call.error},
                seconds,
            )
        except Failed as failure:
            raise Failed(f"{failure}; unexpected: {Counter(self.unexpected).most_common(5)}") from None

    def wait_until_quiet(self, seconds: float = 60) -> None:
        """Until nothing has failed for a while."""

        def quiet() -> bool:
            since = time.monotonic() - QUIET
            return not any(call.error for call in list(self.calls) if call.ended > since)

        wait_until(f"no failure for {QUIET} s", quiet, seconds)

    def verify(self) -> list[str]:
        """What was acknowledged and is not there."""

        def missing(what: str, call: Callable[[], object]) -> str | None:
            try:
                call()
            except grpc.RpcError as error:
                return f"{what}: {reason(error)}"
            return None

        with ThreadPoolExecutor(8) as pool:
            found = [pool.submit(missing, f"user {name}", lambda name=name: self.stubs.login(name)) for name in self.registered]
            found += [
                pool.submit(missing, what, lambda chain=chain: self.stubs.refresh(chain.token, chain.request_id))
                for what, chains in (("session of a login", map(Chain, self.sessions)), ("refreshed session", self.chains))
                for chain in chains
            ]
            return [lost for one in found if (lost := one.result())]


class Watch:
    """Looks at readiness, and at which server takes writes, ten times a second."""

    def __init__(self, server: Countersign, url: str):
        self.server, self.url = server, url
        self.readiness: list[tuple[float, bool]] = []
        self.servers: list[tuple[float, tuple]] = []
        self.both = False
        self.broken: list[str] = []
        self.over = threading.Event()
        self.threads = [
            threading.Thread(target=self._repeat, args=[work], daemon=True) for work in (self._look, self._begin_to_ask)
        ]
        self.askers = ThreadPoolExecutor(40)
        # What a HealthCheckRequest for the service looks like on the wire: one field, a string.
        name = b"auth.v1.AuthService"
        channel = server.channel()
        check = channel.unary_unary("/grpc.health.v1.Health/Check")
        self.check = lambda: check(bytes([0x0A, len(name)]) + name, timeout=2) == b"\x08\x01"

    def __enter__(self) -> "Watch":
        for thread in self.threads:
            thread.start()
        wait_until("a server takes writes", lambda: self.servers)
        wait_until("the service is ready", self.ready)
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        for thread in self.threads:
            thread.join()
        # Not waited for: one may have asked a server that is stopped.
        self.askers.shutdown(wait=False, cancel_futures=True)

    def _repeat(self, work: Callable[[], None]) -> None:
        while not self.over.wait(0.1):
            try:
                work()
            except Exception as error:  # Of a thread; `measure` looks at it.
                self.broken.append(repr(error))

    def _look(self) -> None:
        begun = time.monotonic()
        try:
            with urllib.request.urlopen(f"{self.server.http}/readyz", timeout=2) as answer:
                http = answer.status == 200
        except urllib.error.HTTPError as error:
            if error.code != 503:
                raise
            http = False
        grpc_says = self.check()
        # For "not ready" both must say so, and for "ready" as well.
        self.readiness.append((begun, http or grpc_says))
        self.both = http and grpc_says

    def _begin_to_ask(self) -> None:
        # Not one after the other: one that gets no answer must not delay the next.
        self.askers.submit(self._ask)

    def _ask(self) -> None:
        with contextlib.suppress(psycopg.Error), psycopg.connect(self.url, connect_timeout=2, autocommit=True) as connection:
            standby, read_only, *identity = connection.execute(
                "SELECT pg_is_in_recovery(), current_setting('transaction_read_only'), "
                "inet_server_port(), pg_postmaster_start_time()"
            ).fetchone()
            if not standby and read_only == "off":
                self.servers.append((time.monotonic(), tuple(identity)))

    def current(self) -> tuple:
        return self.servers[-1][1]

    def ready(self) -> bool:
        """Whether gRPC's health and /readyz both say so in the newest answers."""
        return self.both

    def another(self, than: tuple, since: float) -> float | None:
        """From when another server took writes."""
        return next((at for at, identity in list(self.servers) if at > since and identity != than), None)

    def said_ready(self, begin: float, end: float) -> list[float]:
        return [at for at, ready in list(self.readiness) if ready and begin < at < end]


@dataclass
class Row:
    """The figures of one event, and what was wrong."""

    path: str
    event: str
    failed: int
    gap: float
    first: float
    unready_after: float | None
    longest: float
    lost: int
    acknowledged: int
    faults: list[str]

    def cells(self) -> list[str]:
        notices = "–" if self.unready_after is None else f"{self.unready_after:.1f} s"
        return [
            self.path, self.event, str(self.failed), f"{self.gap:.1f} s", f"{self.first:.2f} s", notices,
            f"{self.longest:.1f} s", f"{self.lost} of {self.acknowledged}",
        ]  # fmt: skip


HEADINGS = [
    "path", "event", "failed calls", "longest gap", "first success", "not ready after", "longest call", "acknowledged and lost",
]  # fmt: skip


def table(rows: list[Row]) -> str:
    lines = [HEADINGS, ["---"] * len(HEADINGS), *(row.cells() for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def measure(
    server: Countersign, url: str, path: str, event: str, happen: Callable[[], None], moves: bool = True, waits: bool = False
) -> Row:
    """Lets an event happen under load, and looks at what callers saw and whether it was right.

    `url` is how the service reaches its database; the moment from which a primary takes connections is seen over it. Where the
    server stays the same (`moves` is false) it is the end of the event. Where it `waits`, commits go through, later.
    """
    with Watch(server, url) as watch:
        callers = Callers(server).start()
        before, begun = watch.current(), time.monotonic()
        happen()
        arrived = time.monotonic()
        if moves:
            arrived = wait_until("a new primary takes writes", lambda: watch.another(before, begun), 120)
        callers.wait_for_success()
        callers.wait_until_quiet()
        wait_until("the service is ready again", watch.ready, NOTICES_WITHIN)
        callers.stop()

    calls = [call for call in callers.calls if call.ended > begun]
    errors = Counter(f"{call.kind} {call.error}" for call in calls if call.error)
    written = sorted(call.ended for call in callers.calls if call.writes and not call.error)
    gap, silent_from, silent_to = max((b - a, a, b) for a, b in zip(written, written[1:]) if b > begun)
    # The service may have been there before the probe.
    first = next(at for at in written if at > arrived) - arrived if silent_to > arrived else 0.0
    longest = max(call.ended - call.begun for call in calls)
    notices = [at for at, ready in watch.readiness if not ready and silent_from < at < silent_to]
    lost = callers.verify()

    faults = [f"acknowledged and lost: {one}" for one in lost[:5]]
    faults += [f"{count} times {what}" for what, count in Counter(callers.unexpected).most_common(5)]
    faults += [f"readiness did not answer: {one}" for one in watch.broken[:5]]
    if longest > LONGEST_CALL:
        faults.append(f"a call took {longest:.1f} s")
    if first > FIRST_SUCCESS and not waits:
        faults.append(f"the first success came {first:.1f} s after the primary took connections")
    # Half a second for a look that was answered late.
    if not waits and (wrong := watch.said_ready(silent_from + NOTICES_WITHIN, silent_to - 0.5)):
        faults.append(f"ready {wrong[-1] - silent_from:.1f} s after the last write that succeeded")
    row = Row(
        path, event, sum(errors.values()), gap, first, notices[0] - silent_from if notices else None, longest, len(lost),
        len(callers.registered) + len(callers.sessions) + len(callers.chains), faults,
    )  # fmt: skip
    print(table([row]), dict(errors), faults, flush=True)
    return row
