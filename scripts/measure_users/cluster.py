"""A throw-away Postgres cluster on a Unix socket, and what Countersign's commands need to reach it."""

import base64
import os
import pwd
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# The same for Countersign and for COPY. A commit waits for the disk: fsync and synchronous_commit are on.
SETTINGS = {
    "shared_buffers": "1GB",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "maintenance_work_mem": "512MB",
    "log_line_prefix": "%d,%p,",
    # Plans go to the log when they are asked for (plans.py).
    "auto_explain.log_analyze": "on",
    "auto_explain.log_buffers": "on",
    # The clock of each row would be most of what is measured.
    "auto_explain.log_timing": "off",
    "auto_explain.log_format": "json",
}
# Long statements of a large run: indexes, VACUUM.
PATIENCE_SECONDS = 1800


def programs() -> Path:
    """The folder of initdb: on PATH, else the newest that Debian's packages have put in place."""
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    installed = list(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not installed:
        sys.exit("measure-users: Postgres is missing: install it (Debian and Ubuntu: postgresql), or run scripts/test")
    return max(installed, key=lambda path: int(path.parts[-3])).parent


def unprivileged() -> list[str]:
    """What runs a command as a user that Postgres runs as: it refuses root."""
    if os.geteuid() != 0:
        return []
    names = {entry.pw_name for entry in pwd.getpwall()}
    return ["runuser", "-u", "postgres" if "postgres" in names else "nobody", "--"]


class Cluster:
    """scripts/postgres-cluster, which removes the cluster when this process ends, however it ends."""

    def __init__(self, within: Path, more: dict[str, str] | None = None) -> None:
        self._within, self._settings = within, SETTINGS | (more or {})

    def __enter__(self) -> "Cluster":
        self._programs = programs()
        options = " ".join(f"-c {name}={value}" for name, value in self._settings.items())
        # Its text, not its file: that user may not be able to read where this repository lies.
        keeper = (ROOT / "scripts/postgres-cluster").read_text()
        self._keeper = subprocess.Popen(
            [*unprivileged(), "sh", "-c", keeper, "sh", self._programs, options, self._within],
            cwd="/", stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.folder = Path(self._keeper.stdout.readline().strip() or sys.exit("measure-users: Postgres did not start"))
        self.log = self.folder / "server.log"
        return self

    def __exit__(self, *_: object) -> None:
        self._keeper.stdin.close()
        self._keeper.wait()

    def psql(self, database: str) -> list[str]:
        options = ["-XAtq", "-v", "ON_ERROR_STOP=1", "-h", self.folder, "-U", "postgres", "-d", database]
        return [str(part) for part in [self._programs / "psql", *options]]

    def sql(self, *statements: str, database: str = "postgres") -> list[str]:
        """What psql prints for statements, by lines."""
        commands = [part for statement in statements for part in ("-c", statement)]
        done = subprocess.run(
            [*self.psql(database), *commands], capture_output=True, text=True, timeout=PATIENCE_SECONDS
        )
        if done.returncode:
            sys.exit(f"measure-users: {database}: {done.stderr}")
        return done.stdout.splitlines()

    def create(self, database: str, template: str = "template0") -> None:
        self.sql(f"CREATE DATABASE {database} TEMPLATE {template}")

    def drop(self, database: str) -> None:
        self.sql(f"DROP DATABASE {database}")

    def url(self, database: str) -> str:
        return f"postgres://postgres@localhost/{database}?host={self.folder}"

    def environment(self, database: str) -> dict[str, str]:
        """Countersign's, on a database. What the caller's environment says about it does not count."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith("COUNTERSIGN_") and k != "DATABASE_URL"}
        return kept | {
            "DATABASE_URL": self.url(database),
            "COUNTERSIGN_MASTER_KEY": base64.b64encode(bytes(range(32))).decode(),
            "COUNTERSIGN_DELIVERY": "log",
            "COUNTERSIGN_ISSUER": "http://localhost:8080",
        }
