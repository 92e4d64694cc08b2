"""Login, RefreshToken and GetMe among many users and sessions, beside the same among few: examples/load, `among`.

`countersign seed` makes the users; each has SESSIONS_A_USER sessions. Which plans Postgres chose is read from its log.
"""

import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from . import plans
from .cluster import Cluster

SESSIONS_A_USER = 4
SESSIONS = Path(__file__).with_name("sessions.sql")
TABLES = {"users", "sessions"}
# For twenty million sessions; beyond that something is wrong.
PATIENCE_SECONDS = 2 * 3600
# Seconds of calls whose plans are logged.
PLANNED_SECONDS = 1
# A statement that ran less often is none of a call.
LEAST_RUNS = 20
# bcrypt's lowest cost, which a Postgres database does not get by a setting: it hides least of what the database takes.
CHEAP_HASH = """CREATE FUNCTION cheap_hash() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN NEW.password_hash := '{hash}'; RETURN NEW; END $$;
    CREATE TRIGGER cheap_hash BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION cheap_hash()"""


class Plan(NamedTuple):
    """How a statement was carried out, among few users and among many."""

    text: str
    few: list[str]
    many: list[str]

    @property
    def is_same(self) -> bool:
        return self.few == self.many


class Calls:
    def __init__(
        self, cluster: Cluster, binary: Path, load: Path, folder: Path, say: Callable[[str], None]
    ) -> None:
        self._cluster, self._binary, self._load, self._folder, self._say = cluster, binary, load, folder, say
        # What examples/load says, a figure each: title, name, measured, aim.
        self.figures: list[dict] = []
        self.plans: list[Plan] = []
        # Of the many: users that `seed` made in a second, and bytes of a user and of a session with their indexes.
        self.seeded, self.user_bytes, self.session_bytes = 0.0, 0.0, 0.0

    def run(self, few: int, many: int, seconds: int) -> None:
        databases = {"among_few": few, "among_many": many}
        for database, users in databases.items():
            self._fill(database, users)
        self._say("calls among few and many users, in turns")
        self.figures = self._among(list(databases), seconds)
        self._say("the plans of these calls")
        begin = self._cluster.log.stat().st_size
        self._log_plans(True)
        self._among(list(databases), PLANNED_SECONDS)
        self._log_plans(False)
        with self._cluster.log.open("rb") as log:
            log.seek(begin)
            text = log.read().decode()
        self.plans = both(*(plans.shapes(text, database, TABLES, LEAST_RUNS) for database in databases))

    def _fill(self, database: str, users: int) -> None:
        self._say(f"{database}: {users:,} users by `countersign seed`")
        self._cluster.create(database)
        self._countersign(database, "migrate")
        self._cluster.sql(CHEAP_HASH.format(hash=self._cheap_hash()), database=database)
        begun = time.monotonic()
        self._countersign(database, "seed", "--users", str(users), "--even-in-production")
        self.seeded = users / (time.monotonic() - begun)
        self._cluster.sql("DROP TRIGGER cheap_hash ON users", "DROP FUNCTION cheap_hash", database=database)
        sessions = users * SESSIONS_A_USER
        self._say(f"{database}: {sessions:,} sessions")
        variables = [f"--set=users={users}", f"--set=sessions={sessions}"]
        self._checked([*self._cluster.psql(database), *variables, "-f", SESSIONS])
        preload = f"ALTER DATABASE {database} SET session_preload_libraries = 'auto_explain'"
        self._cluster.sql(preload, "VACUUM (ANALYZE) users", "VACUUM (ANALYZE) sessions", "CHECKPOINT", database=database)
        sizes = [f"SELECT pg_total_relation_size('{table}')" for table in ("users", "sessions")]
        of_users, of_sessions = map(int, self._cluster.sql(*sizes, database=database))
        self.user_bytes, self.session_bytes = of_users / users, of_sessions / sessions

    def _cheap_hash(self) -> str:
        """The sample users' hash at the lowest cost: an embedded database may have it."""
        file = self._folder / "cheap.db"
        environment = {"DATABASE_URL": f"sqlite://{file}", "COUNTERSIGN_BCRYPT_COST": "4"}
        for command in (["migrate"], ["seed", "--users", "1"]):
            self._checked([self._binary, *command], env=environment)
        with sqlite3.connect(file) as database:
            [[hashed]] = database.execute("SELECT password_hash FROM users").fetchall()
        return hashed

    def _among(self, databases: list[str], seconds: int) -> list[dict]:
        urls = [self._cluster.url(database) for database in databases]
        options = ["--scenario", "among", "--json", "--seconds", str(seconds)]
        done = self._checked([self._load, *options, *(f"--postgres={url}" for url in urls)])
        return [json.loads(line) for line in done.splitlines() if line.startswith("{")]

    def _log_plans(self, on: bool) -> None:
        setting = f"ALTER SYSTEM SET auto_explain.log_min_duration = {0 if on else -1}"
        self._cluster.sql(setting, "SELECT pg_reload_conf()", database="among_few")

    def _countersign(self, database: str, *arguments: str) -> None:
        self._checked([self._binary, *arguments], env=self._cluster.environment(database))

    def _checked(self, command: list[object], **options: object) -> str:
        """What a command prints; it must end well."""
        command = [str(part) for part in command]
        done = subprocess.run(
            command, cwd=self._folder, capture_output=True, text=True, timeout=PATIENCE_SECONDS, **options
        )
        if done.returncode:
            sys.exit(f"measure-users: {command} failed ({done.returncode}):\n{done.stderr[-4000:]}")
        return done.stdout


def both(few: dict[str, set[str]], many: dict[str, set[str]]) -> list[Plan]:
    """The statements that ran on both sides."""
    return [Plan(text, sorted(few[text]), sorted(many[text])) for text in few if text in many]
