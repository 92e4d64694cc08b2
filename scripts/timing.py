"""What scripts/timing asks of a running server: logins of several kinds in turn, and whether their times differ.

Then codes for addresses that somebody has, and for others, to reset a password and to log in without one: how long the
answers take, and how long the writes of a caller beside them, who could otherwise see that one of the two writes more (a
side channel through the store's lock).

Each pair goes through Welch's t-test: on all times, and without the longest, which hide small differences (Reparaz et
al., "Dude, is my code constant time?", 2017). |t| of 4.5 is the bound of TVLA, the usual test for leaks (Goodwill et
al., "A testing methodology for side-channel resistance validation", 2011; ISO/IEC 17825).
"""

import argparse
import contextlib
import gc
import math
import random
import sqlite3
import statistics
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from itertools import chain, combinations
from types import MappingProxyType
from typing import NamedTuple

import bcrypt
import grpc
from auth.v1 import auth_service_pb2 as auth
from auth.v1 import auth_service_pb2_grpc
from grpc import StatusCode
from passlib.hash import bcrypt_sha256

BOUND = 4.5
# The parts of the times that are compared. On a busy machine a good part are long.
SHORTEST = (1.0, 0.95, 0.75)
WARM_UP_ROUNDS = 20
# How much cheaper the old hashes are.
OLDER = 2
HOUR = 3600 * 1_000_000
# Of other passwords than those that are typed: a salted SHA-1, and argon2id of 16 MiB.
LDAP = "{SSHA}JyvqClKOipMg+oLIA3jF0CqYm07lHGOs"
ARGON2 = "$argon2id$v=19$m=16384,t=2,p=1$oDwBpG//mgs$5I+oMQMM+8NpgyS3mF8aJQ"
RIGHT, WRONG = "correct horse battery staple", "incorrect horse battery staple"


class Kind(NamedTuple):
    """A kind of login."""

    name: str
    # What its users have that others don't; None where there is no such user.
    user: Mapping[str, object] | None = MappingProxyType({})
    password: str = WRONG
    answer: StatusCode = StatusCode.UNAUTHENTICATED


UNKNOWN_USER = Kind("unknown user", None)
WRONG_PASSWORD = Kind("wrong password")
# With the right password, which it must not confirm.
DISABLED = Kind("disabled account", {"disabled_at": 1}, RIGHT)
# It opens a session and signs a token, which takes about a millisecond.
RIGHT_PASSWORD = Kind("right password", password=RIGHT, answer=StatusCode.OK)


# Both of a pair are answered alike.
RESETS = (
    Kind("reset, somebody's address", answer=StatusCode.OK),
    Kind("reset, nobody's address", None, answer=StatusCode.OK),
)
LOGINS_BY_MAIL = (
    Kind("mail login, verified", {"email_verified": 1}, answer=StatusCode.OK),
    Kind("mail login, unverified", {"email_verified": 0}, answer=StatusCode.OK),
    Kind("mail login, nobody", None, answer=StatusCode.OK),
)
# Writes beside each request for a code, one after the other: they cover what it writes, and what the outbox does then.
PROBES = 8


class Login(NamedTuple):
    """One login. Each is of a name of its own, since each failure slows down the next login of that name."""

    kind: Kind
    username: str

    def throttled(self) -> "Login":
        kind = self.kind._replace(name=f"{self.kind.name}, throttled", answer=StatusCode.RESOURCE_EXHAUSTED)
        return self._replace(kind=kind)


Round = list[Login]
Times = dict[str, list[float]]


def refused_kinds(cost: int) -> list[Kind]:
    """The kinds that nobody may tell apart."""
    cheaper = bcrypt_sha256.using(rounds=cost - OLDER).hash(RIGHT)
    imported = bcrypt.hashpw(RIGHT.encode(), bcrypt.gensalt(cost - OLDER)).decode()
    older = [Kind("cheaper hash", {"password_hash": cheaper}), Kind("imported hash", {"password_hash": imported})]
    # Computed beside a bcrypt: one takes less time than that at any cost, one more at the cost of this measurement (ADR 36).
    foreign = [Kind("LDAP's hash", {"password_hash": LDAP}), Kind("argon2's hash", {"password_hash": ARGON2})]
    return [UNKNOWN_USER, WRONG_PASSWORD, DISABLED, *older, *foreign]


class Service:
    """The server, and its database file."""

    def __init__(self, address: str, database: str) -> None:
        self._stub = auth_service_pb2_grpc.AuthServiceStub(grpc.insecure_channel(address))
        self._database = database

    def make_users(self, rounds: list[Round]) -> None:
        """Copies one that was registered: to register them all would take longer than the measurement."""
        request = auth.RegisterRequest(username="model", email="model@example.com", password=RIGHT)
        self._stub.Register(request, timeout=30, wait_for_ready=True)
        with self._connect() as database:
            database.row_factory = sqlite3.Row
            model = dict(database.execute("SELECT * FROM users").fetchone())
            insert = f"INSERT INTO users ({', '.join(model)}) VALUES ({', '.join(f':{column}' for column in model)})"
            for kind, name in chain(*rounds):
                if kind.user is not None:
                    database.execute(insert, {**model, **kind.user, **identity(name)})
            database.commit()

    def throttle_all(self) -> None:
        """Makes every name with a failed login wait for an hour."""
        with self._connect() as database:
            database.execute("UPDATE throttles SET failures = 5, next_allowed_at = last_at + ?", (HOUR,))
            database.commit()

    def login(self, login: Login) -> tuple[StatusCode, str]:
        request = auth.LoginRequest(username=login.username, password=login.kind.password)
        try:
            self._stub.Login(request, timeout=60)
        except grpc.RpcError as error:
            return error.code(), error.details()
        return StatusCode.OK, ""

    def milliseconds(self, login: Login) -> float:
        started = time.perf_counter()
        code, details = self.login(login)
        took = time.perf_counter() - started
        if code != login.kind.answer:
            sys.exit(f"timing: {login.kind.name}: the answer is {code.name} ({details}), not {login.kind.answer.name}")
        return took * 1000

    def ask_for_reset(self, email: str) -> grpc.Future:
        return self._stub.RequestPasswordReset.future(auth.RequestPasswordResetRequest(email=email), timeout=60)

    def ask_for_login(self, email: str) -> grpc.Future:
        return self._stub.BeginEmailLogin.future(auth.BeginEmailLoginRequest(email=email), timeout=60)

    def probe(self, rounds: list[Round], ask: Callable[[str], grpc.Future]) -> Times:
        """Times answers, and the writes of somebody with an account of their own: each use of a refresh token is one."""
        request = auth.LoginRequest(username="model", password=RIGHT)
        token = self._stub.Login(request, timeout=60).tokens.refresh_token
        times: Times = {}
        for login in chain.from_iterable(random.sample(logins, len(logins)) for logins in rounds):
            started = time.perf_counter()
            answer = ask(f"{login.username}@example.com")
            for _ in range(PROBES):
                token = self._stub.RefreshToken(auth.RefreshTokenRequest(refresh_token=token), timeout=60).tokens.refresh_token
            probed = time.perf_counter()
            answer.result()
            answered = time.perf_counter()
            times.setdefault(login.kind.name, []).append((answered - started) * 1000)
            times.setdefault(beside(login.kind.name), []).append((probed - started) * 1000)
        return {name: of[WARM_UP_ROUNDS:] for name, of in times.items()}

    @contextlib.contextmanager
    def under_load(self, callers: int) -> Iterator[None]:
        """So many others log in all the time, and what is measured has to wait for its turn."""
        over = threading.Event()

        def call() -> None:
            while not over.is_set():
                self.login(Login(UNKNOWN_USER, uuid.uuid4().hex))

        others = [threading.Thread(target=call, daemon=True) for _ in range(callers)]
        for other in others:
            other.start()
        yield
        over.set()
        for other in others:
            other.join()

    def _connect(self) -> contextlib.closing[sqlite3.Connection]:
        return contextlib.closing(sqlite3.connect(self._database, timeout=10))


def beside(name: str) -> str:
    return f"writes beside {name}"


def identity(name: str) -> dict[str, object]:
    email = f"{name}@example.com"
    return {"id": uuid.uuid4().bytes, "username": name, "username_key": name, "email": email, "email_key": email}


def rounds_of(kinds: list[Kind], count: int) -> list[Round]:
    return [[Login(kind, uuid.uuid4().hex) for kind in kinds] for _ in range(WARM_UP_ROUNDS + count)]


def measure(service: Service, rounds: list[Round]) -> Times:
    """The order in each round is random, so that what changes on the machine hits all kinds alike."""
    times: Times = {login.kind.name: [] for login in rounds[0]}
    for number, logins in enumerate(rounds, 1):
        for login in random.sample(logins, len(logins)):
            times[login.kind.name].append(service.milliseconds(login))
        if sys.stderr.isatty():
            print(f"\rround {number} of {len(rounds)}", end="", file=sys.stderr, flush=True)
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr, flush=True)
    return {name: of[WARM_UP_ROUNDS:] for name, of in times.items()}


def shortest(part: float, a: list[float], b: list[float]) -> tuple[list[float], list[float]]:
    limit = sorted(a + b)[math.ceil(part * len(a + b)) - 1]
    return [time for time in a if time <= limit], [time for time in b if time <= limit]


def welch(a: list[float], b: list[float]) -> tuple[float, float]:
    """t, and the standard error of the difference between the means; the two need not vary alike."""
    if min(len(a), len(b)) < 2:
        # One kind has no short times at all: nothing could be told apart better.
        return math.inf, math.inf
    error = math.sqrt(statistics.variance(a) / len(a) + statistics.variance(b) / len(b))
    return (statistics.fmean(a) - statistics.fmean(b)) / error, error


def print_times(times: Times) -> None:
    print(f"{'milliseconds':<76}{'n':>7}{'median':>10}{'mean':>10}{'sd':>10}")
    for name, of in times.items():
        figures = statistics.median(of), statistics.fmean(of), statistics.stdev(of)
        print(f"{name:<76}{len(of):7}" + "".join(f"{figure:10.3f}" for figure in figures))


def print_head() -> None:
    ts = "".join(f"{f't, {part:.0%}':>9}" for part in SHORTEST)
    print(f"\n{'difference of the medians, milliseconds':<76}{'':8}{'seen from':>10}{ts}")


def compare(times: Times, pair: tuple[str, str]) -> bool:
    """Prints how a pair differs, and says whether it can be told apart."""
    a, b = (times[name] for name in pair)
    tests = [welch(*shortest(part, a, b)) for part in SHORTEST]
    told_apart = any(abs(t) >= BOUND for t, _ in tests)
    differ = statistics.median(a) - statistics.median(b)
    # About the smallest difference that would not have been lost in the noise.
    seen_from = BOUND * min(error for _, error in tests)
    figures = f"{differ:8.3f}{seen_from:10.3f}" + "".join(f"{t:9.1f}" for t, _ in tests)
    print(f"{' / '.join(pair):<76}{figures}  {'told apart' if told_apart else 'alike'}")
    return told_apart


def rounds_number(text: str) -> int:
    # The variance of one half of them has to exist.
    if int(text) < 4:
        raise ValueError
    return int(text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--grpc", required=True)
    parser.add_argument("--database", required=True, help="the SQLite file")
    parser.add_argument("--cost", type=int, choices=range(4 + OLDER, 17), required=True, help="the server's")
    parser.add_argument("--rounds", type=rounds_number, default=1000, help="logins of each kind, at least 4")
    parser.add_argument("--load", type=int, default=0, help="others that log in meanwhile")
    parser.add_argument("--measure-only", action="store_true")
    arguments = parser.parse_args()
    service, kinds = Service(arguments.grpc, arguments.database), refused_kinds(arguments.cost)

    rounds = rounds_of([*kinds, RIGHT_PASSWORD], arguments.rounds)
    resets, logins = (rounds_of(list(kinds), arguments.rounds) for kinds in (RESETS, LOGINS_BY_MAIL))
    service.make_users([*rounds, *resets, *logins])
    gc.disable()
    with service.under_load(arguments.load):
        times = measure(service, rounds)
        code_times = service.probe(resets, service.ask_for_reset) | service.probe(logins, service.ask_for_login)
    # The same names again. These hash nothing, and may well look unlike all others: their answer says what they are.
    service.throttle_all()
    throttled_kinds = UNKNOWN_USER, WRONG_PASSWORD
    throttled = [[login.throttled() for login in logins if login.kind in throttled_kinds] for logins in rounds]
    throttled_times = measure(service, throttled)
    pairs = [(a.name, b.name) for of_codes in (RESETS, LOGINS_BY_MAIL) for a, b in combinations(of_codes, 2)]
    code_pairs = [*pairs, *((beside(a), beside(b)) for a, b in pairs)]
    alike = [*combinations([kind.name for kind in kinds], 2), *combinations(throttled_times, 2), *code_pairs]
    # What has to be seen. Under load that is a second wait, not a millisecond.
    once = times[WRONG_PASSWORD.name]
    twice = [first + second for first, second in zip(once[::2], once[1::2], strict=False)]
    times |= throttled_times | code_times | {"wrong password, twice": twice}
    control = "wrong password, twice" if arguments.load else RIGHT_PASSWORD.name

    print_times(times)
    print_head()
    leaks = [compare(times, pair) for pair in alike]
    seen = compare(times, (control, WRONG_PASSWORD.name))
    if arguments.measure_only:
        return
    if any(leaks):
        sys.exit(f"timing: {sum(leaks)} of {len(alike)} pairs can be told apart, and none must be")
    if not seen:
        sys.exit(f"timing: too coarse to see what has to be seen, {control}: take more rounds, or a quieter machine")


if __name__ == "__main__":
    main()
