"""Import and export, each beside COPY in turns.

Both write to, or read from, databases that are alike: made of one template, with the same rows and the same indexes.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from .cluster import Cluster
from .people import ROLE_COLUMNS, USER_COLUMNS, write_copy, write_json_lines
from .watch import Run, run

TEMPLATE, IMPORTED, COPIED = "migrated", "imported", "copied"
# What the users are, but for the ids and the times that each way makes for itself.
CONTENT = """SELECT count(*), count(disabled_at), sum(hashtextextended(concat_ws('|', username, username_key, email,
    email_key, email_verified, password_hash, credential_version, is_2fa_enabled, roles, metadata, claims, created_at),
    0)::numeric), (SELECT count(*) FROM user_roles) FROM users"""
# The columns that an export has.
EXPORTED = (
    "SELECT id, username, email, email_verified, password_hash, roles, metadata, claims, is_2fa_enabled, disabled_at, "
    "created_at FROM users ORDER BY id"
)


class Transfers:
    """Runs of both, by what was run: `import`, `copy in`, `export`, `copy out`."""

    def __init__(self, cluster: Cluster, binary: Path, folder: Path, users: int, say: Callable[[str], None]) -> None:
        self._cluster, self._binary, self._folder, self._users, self._say = cluster, binary, folder, users, say
        # Where it would take longer, something is wrong.
        self._timeout = 120 + users / 500
        self.runs: dict[str, list[Run]] = {"import": [], "copy in": [], "export": [], "copy out": []}
        # Mebibytes of write-ahead log that a run has caused.
        self.wal: dict[str, list[float]] = {}
        # Mebibytes of the tables with their indexes.
        self.sizes: dict[str, float] = {}

    def prepare(self) -> None:
        """The template: a database with our schema, and no users."""
        self._cluster.create(TEMPLATE)
        self._countersign(TEMPLATE, "migrate")

    def fill(self, database: str, users: int) -> None:
        """A database with users, by COPY."""
        self._cluster.create(database, TEMPLATE)
        self._copy_in(database, users, "fill")

    def imports(self, rounds: int) -> None:
        """The last COPY's database stays."""
        for number in range(1, rounds + 1):
            self._say(f"import, round {number} of {rounds}")
            self._cluster.create(IMPORTED, TEMPLATE)
            self._import()
            imported = self._cluster.sql(CONTENT, database=IMPORTED)
            # Only then is there room for the other one.
            self._cluster.drop(IMPORTED)
            self._say(f"COPY, round {number} of {rounds}")
            self._cluster.create(COPIED, TEMPLATE)
            self.runs["copy in"].append(self._copy_in(COPIED, self._users))
            if imported != (copied := self._cluster.sql(CONTENT, database=COPIED)):
                sys.exit(f"measure-users: import and COPY differ: {imported} and {copied}")
            if number < rounds:
                self._cluster.drop(COPIED)

    def exports(self, rounds: int) -> None:
        self._cluster.sql("VACUUM (ANALYZE) users", "VACUUM (ANALYZE) user_roles", "CHECKPOINT", database=COPIED)
        # Both begin with a warm cache, as far as it fits: the first of all is not counted.
        self._export()
        for number in range(1, rounds + 1):
            self._say(f"export, round {number} of {rounds}")
            self.runs["export"].append(self._export())
            self.runs["copy out"].append(self._copy_out())

    def _import(self) -> None:
        file = self._folder / "users.jsonl"
        write_json_lines(file, self._users)
        command = [self._binary, "import", file]
        self.runs["import"].append(self._logged("import", IMPORTED, command))
        file.unlink()

    def _copy_in(self, database: str, users: int, what: str = "copy in") -> Run:
        files = self._folder / "users.copy", self._folder / "user_roles.copy"
        write_copy(*files, users)
        copies = [
            f"\\copy {table} ({columns}) from '{file}'"
            for table, columns, file in zip(["users", "user_roles"], [USER_COLUMNS, ROLE_COLUMNS], files)
        ]
        command = [*self._cluster.psql(database), *(part for copy in copies for part in ("-c", copy))]
        ran = self._logged(what, database, command)
        for file in files:
            file.unlink()
        return ran

    def _logged(self, what: str, database: str, command: list[object]) -> Run:
        """Runs what fills a database. Neither pays for what was written before it."""
        self._cluster.sql("CHECKPOINT")
        os.sync()
        [path] = self._cluster.sql("SELECT pg_relation_filepath('users')", database=database)
        [before] = self._cluster.sql("SELECT pg_current_wal_insert_lsn()")
        ran = run(command, lambda: size(self._cluster.folder / "data" / path), self._timeout, **self._options(database))
        [written] = self._cluster.sql(f"SELECT pg_current_wal_insert_lsn() - '{before}'")
        [stored] = self._cluster.sql("SELECT pg_total_relation_size('users')", database=database)
        self.wal.setdefault(what, []).append(int(written) / 2**20)
        self.sizes[what] = int(stored) / 2**20
        return ran

    def _export(self) -> Run:
        file = self._folder / "export.jsonl"
        command = [self._binary, "export", "--hashes", "--output", file]
        return self._written(file, command)

    def _copy_out(self) -> Run:
        file = self._folder / "export.copy"
        # An export ends when its file is safe on the disk.
        commands = ["-c", f"\\copy ({EXPORTED}) to '{file}'", "-c", f"\\! sync '{file}'"]
        return self._written(file, [*self._cluster.psql(COPIED), *commands])

    def _written(self, file: Path, command: list[object]) -> Run:
        ran = run(command, lambda: size(file), self._timeout, **self._options(COPIED))
        with file.open("rb") as written:
            lines = sum(chunk.count(b"\n") for chunk in iter(lambda: written.read(2**20), b""))
        file.unlink()
        if lines != self._users:
            sys.exit(f"measure-users: {file.name} has {lines} rows")
        return ran

    def _options(self, database: str) -> dict[str, object]:
        return {"cwd": self._folder, "env": self._cluster.environment(database)}

    def _countersign(self, database: str, *arguments: str) -> None:
        command = [self._binary, *arguments]
        subprocess.run(command, check=True, stderr=subprocess.DEVNULL, timeout=60, **self._options(database))


def size(file: Path) -> int:
    """In bytes. Postgres begins another file after each gibibyte."""
    whole = 0
    for part in [file, *file.parent.glob(f"{file.name}.*[0-9]")]:
        try:
            whole += part.stat().st_size
        except FileNotFoundError:
            pass
    return whole
