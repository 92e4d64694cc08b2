"""Look-ups of users and pages of lists, on few users and on many, in turns.

Real servers run them, so no statement is copied here: auto_explain logs what they cost.
"""

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from auth.v1 import admin_service_pb2 as admin
from auth.v1 import auth_service_pb2 as auth
from auth.v1 import managed_user_pb2 as managed
from google.protobuf.timestamp_pb2 import Timestamp

from .cluster import Cluster
from .people import ROLE
from .plans import Cost, cost
from .server import Server

# With their plans logged, and timed.
CALLS, TIMED_CALLS = 20, 100
# With two connections each statement runs more than five times on both: from then on Postgres may keep its plan.
WARM_UP = 20
PAGE, LARGEST_PAGE = 100, 1000
# The middle of a longer list is not gone to, a page at a time: this far in, what counts rows would be seen.
DEEPEST = 500_000
# 1 in 10 has logged in.
LAST_LOGINS = """UPDATE users SET last_login_at = timestamptz '2026-01-01' - make_interval(secs => random() * 31536000)
    WHERE get_byte(uuid_send(id), 15) < 26"""
SAMPLE = f"SELECT id, username_key, email_key FROM users WHERE disabled_at IS NULL ORDER BY random() LIMIT {CALLS}"


def at(text: str) -> Timestamp:
    timestamp = Timestamp()
    timestamp.FromJsonString(text)
    return timestamp


LISTS = {
    "all": {},
    "last login in half a year": {
        "last_login_from": at("2025-03-01T00:00:00Z"), "last_login_before": at("2025-09-01T00:00:00Z"),
    },
    "state disabled": {"state": managed.USER_STATE_DISABLED},
    "state active": {"state": managed.USER_STATE_ACTIVE},
    "role": {"role": ROLE},
    "verified": {"email_verified": True},
    "not verified": {"email_verified": False},
    "created in a year": {"created_from": at("2022-01-01T00:00:00Z"), "created_before": at("2023-01-01T00:00:00Z")},
    "prefix of the username": {"username_prefix": "nadia"},
    "prefix of the address": {"email_prefix": "petra."},
}  # fmt: skip


class Kind(NamedTuple):
    """A kind of call."""

    name: str
    # What the n-th call does; it returns how many users were found.
    call: Callable[["Side", int], int]
    # Whether its time from call to answer is one of the database: a login hashes.
    is_timed: bool = True


class Figures(NamedTuple):
    """Of a kind of call on one database."""

    users: int
    cost: Cost
    # The median from call to answer, on one connection; None where it says nothing.
    call_milliseconds: float | None


class Side:
    """A database with its server."""

    def __init__(self, server: Server, people: list[str]) -> None:
        self.server = server
        self.people = [line.split("|") for line in people]
        self.pages: dict[str, admin.ListUsersRequest] = {}

    def walk(self, fields: dict, depth: int) -> tuple[str, int]:
        """The token of the page after so many users, and how many there were."""
        token, passed = "", 0
        while passed < depth:
            size = min(LARGEST_PAGE, depth - passed)
            answer = self.server.list_users(request(fields, size, token))
            token, passed = answer.next_page_token, passed + len(answer.users)
            if not token:
                break
        return token, passed


def request(fields: dict, size: int, token: str = "") -> admin.ListUsersRequest:
    return admin.ListUsersRequest(page_size=size, page_token=token, filter=managed.UserFilter(**fields))


def get_user(field: str, column: int) -> Callable[[Side, int], int]:
    def call(side: Side, number: int) -> int:
        name = {field: side.people[number % CALLS][column]}
        return int(side.server.get_user(admin.GetUserRequest(**name)).HasField("user"))

    return call


def login(side: Side, number: int) -> int:
    # Each failure of a name slows down the next one.
    side.server.refused_login(auth.LoginRequest(username=side.people[number % CALLS][1], password="not the password"))
    return 1


def page(name: str) -> Callable[[Side, int], int]:
    return lambda side, _: len(side.server.list_users(side.pages[name]).users)


class LookUps:
    def __init__(self, cluster: Cluster, binary: Path, folder: Path, say: Callable[[str], None]) -> None:
        self._cluster, self._binary, self._folder, self._say = cluster, binary, folder, say
        # By kind of call: on few users, and on many.
        self.figures: dict[str, list[Figures]] = {}

    def run(self, few: str, many: str) -> None:
        for database in few, many:
            self._say(f"{database}: last logins, VACUUM")
            self._settle(database)
        with self._side(few) as few_server, self._side(many) as many_server:
            sides = [self._with_people(server) for server in (few_server, many_server)]
            self._sides = sides
            kinds = [
                Kind("GetUser by id", get_user("id", 0)),
                Kind("GetUser by username", get_user("username", 1)),
                Kind("GetUser by address", get_user("email", 2)),
                *self._lists(),
                # Last: its failures slow it down.
                Kind("Login, the look-up", login, is_timed=False),
            ]
            for kind in kinds:
                self._say(kind.name)
                self._measure(kind)

    def _side(self, database: str) -> Server:
        return Server(self._cluster, self._binary, self._folder, database)

    def _with_people(self, server: Server) -> Side:
        return Side(server, self._cluster.sql(SAMPLE, database=server.database))

    def _settle(self, database: str) -> None:
        preload = f"ALTER DATABASE {database} SET session_preload_libraries = 'auto_explain'"
        vacuum = ["VACUUM (ANALYZE) users", "VACUUM (ANALYZE) user_roles"]
        self._cluster.sql(preload, LAST_LOGINS, *vacuum, "CHECKPOINT", database=database)

    def _lists(self) -> list[Kind]:
        """The first page of each list, and one from its middle, with as many users on both sides."""
        kinds, (few, many) = [], self._sides
        [[few_users], [many_users]] = [
            self._cluster.sql("SELECT count(*) FROM users", database=side.server.database) for side in self._sides
        ]
        for name, fields in LISTS.items():
            self._say(f"the middle of the list: {name}")
            _, length = few.walk(fields, int(few_users))
            size, middle = min(PAGE, length // 2), length // 2
            depths = middle, min(middle * int(many_users) // int(few_users), DEEPEST)
            for side, depth in zip((few, many), depths):
                token, _ = side.walk(fields, depth)
                side.pages[f"{name}, first"] = request(fields, size)
                side.pages[f"{name}, middle"] = request(fields, size, token)
            kinds += [Kind(f"ListUsers {of}", page(of)) for of in (f"{name}, first", f"{name}, middle")]
        return kinds

    def _measure(self, kind: Kind) -> None:
        """In turns, so that what changes on the machine hits both alike. While calls are timed no plan is logged."""
        found = [kind.call(side, 0) for side in self._sides]
        for number in range(1, WARM_UP):
            for side in self._sides:
                kind.call(side, number)
        times = [[], []]
        for number in range(TIMED_CALLS if kind.is_timed else 0):
            for side, of_side in zip(self._sides, times):
                started = time.perf_counter()
                kind.call(side, number)
                of_side.append((time.perf_counter() - started) * 1000)
        log = self._logged(kind)
        self.figures[kind.name] = [
            Figures(users, cost(log, side.server.database, CALLS), statistics.median(of_side) if of_side else None)
            for users, side, of_side in zip(found, self._sides, times)
        ]

    def _logged(self, kind: Kind) -> str:
        """What the log says of CALLS calls on each side."""
        self._log_plans(True)
        begin = self._cluster.log.stat().st_size
        for number in range(CALLS):
            for side in self._sides:
                kind.call(side, number)
        self._log_plans(False)
        with self._cluster.log.open("rb") as log:
            log.seek(begin)
            return log.read().decode()

    def _log_plans(self, on: bool) -> None:
        few = self._sides[0].server.database
        setting = f"ALTER SYSTEM SET auto_explain.log_min_duration = {0 if on else -1}"
        self._cluster.sql(setting, "SELECT pg_reload_conf()", database=few)
        # The other sessions hear of it by a signal.
        time.sleep(0.2)
