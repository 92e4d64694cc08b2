"""A throw-away Postgres cluster on a port of loopback, run by an unprivileged user: Postgres refuses root."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from languages import installed
from programs import Program, free_port


def programs() -> Path:
    """The folder of initdb: on PATH, else the newest that Debian's packages have put in place."""
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    return max(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3])).parent


def newer(release: str) -> Path:
    """The same of a release that Debian 12 does not have, from npm. It has initdb and postgres alone."""
    pins = [Path(__file__).resolve().parent / "newer_postgres" / name for name in ("package.json", "package-lock.json")]
    # Its install script makes the links between libraries that npm's archives can't hold.
    folder = installed("newer-postgres", pins, ["npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"])
    return folder / f"node_modules/postgres-{release}/native/bin"


def unprivileged(command: list[object]) -> list[object]:
    """The command as a user that Postgres runs as."""
    return ["runuser", "-u", "postgres", "--", *command] if os.geteuid() == 0 else command


class Postgres(Program):
    """A cluster of its own; `url(database, user)` reaches it. Remove `data` with `remove()`.

    `servers` is the folder of another release's initdb and postgres. Debian's psql talks to all of them.
    """

    def __init__(self, folder: Path, name: str = "postgres", *options: str, servers: Path | None = None):
        self.servers = servers or programs()
        self.port = free_port()
        self.data = Path(tempfile.mkdtemp(prefix="countersign-real-"))
        if os.geteuid() == 0:
            shutil.chown(self.data, "postgres")
        settings = [f"-p{self.port}", f"-k{self.data}", "-clisten_addresses=127.0.0.1", *options]
        super().__init__(name, [self.servers / "postgres", "-D", self.data / "data", *settings], folder)
        # Not through runuser: its process would be the one that a signal reaches.
        self.user = "postgres" if os.geteuid() == 0 else None

    def initialise(self) -> None:
        command = [self.servers / "initdb", "-D", self.data / "data", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C"]
        subprocess.run([str(part) for part in unprivileged(command)], check=True, cwd=self.data, stdout=subprocess.DEVNULL)

    def start(self) -> "Postgres":
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command, cwd=self.data, user=self.user, group=self.user, extra_groups=[] if self.user else None,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        self.wait_for("takes connections", self.is_ready)
        return self

    def is_ready(self) -> bool:
        command = [programs() / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        return subprocess.run([str(part) for part in command]).returncode == 0

    def url(self, database: str = "postgres", user: str = "postgres", parameters: str = "") -> str:
        return f"postgres://{user}@127.0.0.1:{self.port}/{database}{parameters}"

    def sql(self, statement: str, database: str = "postgres") -> str:
        """What psql prints for a statement, without headings."""
        command = [programs() / "psql", "-XAtq", "-v", "ON_ERROR_STOP=1", self.url(database), "-c", statement]
        return subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True).stdout.strip()

    def remove(self) -> None:
        shutil.rmtree(self.data, ignore_errors=True)
