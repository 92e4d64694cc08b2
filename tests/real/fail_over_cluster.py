"""What a fail-over needs: Patroni with etcd and HAProxy by the guide, a standby without them, and an address that moves."""

import asyncio
import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg

import guides
from postgres import Postgres, programs, unprivileged
from programs import Program, accepts, free_port, wait_until


def as_postgres(command: list[object]) -> list[object]:
    """The command as a user that Postgres runs as, in the same process, which a signal has to reach.

    That user may not be able to read what the tests run from (Python below root's home), hence the capability.
    """
    if os.geteuid() != 0:
        return command
    return [
        "setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--inh-caps=+dac_override",
        "--ambient-caps=+dac_override", "--", *command,
    ]  # fmt: skip


def own_folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="countersign-real-"))
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres")
    return folder


def family(pid: int) -> list[psutil.Process]:
    """A process and all below it, those that there still are."""
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    return []


def server_on(data: Path) -> list[psutil.Process]:
    """The postmaster of this folder and what is below it; nothing if it does not run."""
    with contextlib.suppress(FileNotFoundError, psutil.NoSuchProcess):
        pid = int((data / "postmaster.pid").read_text().split()[0])
        # The file outlives a kill -9, and its number may be another program's by now.
        if str(data) in " ".join(psutil.Process(pid).cmdline()):
            return family(pid)
    return []


def end(processes: list[psutil.Process]) -> None:
    """kill -9, also of those that are stopped, and until they are gone."""
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    _gone, alive = psutil.wait_procs(processes, timeout=30)
    assert not alive, f"these do not end: {alive}"


def freeze(processes: list[psutil.Process]) -> None:
    """As if their machine were cut off: connections stay open, and nothing is said over them. End them before they may go on."""
    for process in processes:
        process.suspend()


class Etcd(Program):
    def __init__(self, folder: Path):
        self.data, self.port, peer = own_folder(), free_port(), free_port()
        client, between = f"http://127.0.0.1:{self.port}", f"http://127.0.0.1:{peer}"
        options = {
            "name": "etcd", "data-dir": self.data / "etcd", "listen-client-urls": client, "advertise-client-urls": client,
            "listen-peer-urls": between, "initial-advertise-peer-urls": between, "initial-cluster": f"etcd={between}",
        }  # fmt: skip
        super().__init__("etcd", as_postgres(["etcd", *(f"--{name}={value}" for name, value in options.items())]), folder)

    def start(self) -> "Etcd":
        super().start()
        self.wait_for("is healthy", lambda: accepts(self.port))
        return self

    def remove(self) -> None:
        shutil.rmtree(self.data, ignore_errors=True)


class Node(Program):
    """One Patroni and its Postgres, by the guide's patroni.yml."""

    def __init__(self, folder: Path, name: str, etcd: Etcd):
        self.data, self.port, self.rest = own_folder(), free_port(), free_port()
        configuration = folder / name
        guides.write(
            "patroni",
            configuration,
            {
                "name: pg1": f"name: {name}",
                "10.0.0.1:5432": f"127.0.0.1:{self.port}",
                "10.0.0.1:8008": f"127.0.0.1:{self.rest}",
                "10.0.0.21:2379,10.0.0.22:2379,10.0.0.23:2379": f"127.0.0.1:{etcd.port}",
                "10.0.0.0/24": "127.0.0.1/32",
                "/usr/lib/postgresql/15/bin": str(programs()),
                "/var/lib/postgresql": str(self.data),
            },
        )
        self.configuration = configuration / "patroni.yml"
        self.frozen = False
        beside = Path(sys.executable).parent
        self.patronictl = [str(beside / "patronictl"), "-c", str(self.configuration)]
        super().__init__(name, as_postgres([beside / "patroni", self.configuration]), folder)

    def says(self, path: str) -> bool:
        """Whether Patroni's REST answers 200: /primary, /synchronous and so on."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.rest}/{path}", timeout=2) as answer:
                return answer.status == 200
        except OSError:
            return False

    def url(self) -> str:
        return f"postgres://postgres:change-me-1@127.0.0.1:{self.port}/postgres"

    def has_synchronous_standby(self) -> bool:
        with psycopg.connect(self.url(), autocommit=True) as connection:
            return connection.execute("SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'").fetchone() is not None

    def postgres(self) -> list[psutil.Process]:
        return server_on(self.data / "patroni")

    def kill_postgres(self) -> None:
        end(self.postgres()[:1])

    def kill(self) -> None:
        """As if its machine were switched off."""
        self.frozen = False
        postgres = self.postgres()
        super().kill()
        end(postgres)

    def freeze(self) -> None:
        freeze(family(self.process.pid) + self.postgres())
        self.frozen = True

    def remove(self) -> None:
        shutil.rmtree(self.data, ignore_errors=True)


class Haproxy(Program):
    """By the guide's haproxy.cfg; `leave_out` are words of it that are not there."""

    def __init__(self, folder: Path, nodes: list[Node], leave_out: str | None = None):
        self.port = free_port()
        replacements = {
            "10.0.0.10:5432": f"127.0.0.1:{self.port}",
            "10.0.0.1:5432 check port 8008": f"127.0.0.1:{nodes[0].port} check port {nodes[0].rest}",
            "10.0.0.2:5432 check port 8008": f"127.0.0.1:{nodes[1].port} check port {nodes[1].rest}",
        }
        if leave_out:
            replacements[leave_out] = ""
        guides.write("patroni", folder / "haproxy", replacements)
        super().__init__("haproxy", as_postgres(["haproxy", "-db", "-f", folder / "haproxy/haproxy.cfg"]), folder)

    def start(self) -> "Haproxy":
        super().start()
        # A server counts as up until its first checks have failed.
        self.wait_for("has found the standby not to be the primary", lambda: "is DOWN" in self.text())
        return self


class PatroniCluster:
    """Two nodes, one of them synchronous."""

    def __init__(self, folder: Path):
        self.folder, self.etcd = folder, Etcd(folder)
        self.nodes = [Node(folder, "pg1", self.etcd), Node(folder, "pg2", self.etcd)]

    def start(self) -> "PatroniCluster":
        self.etcd.start()
        for node in self.nodes:
            node.start()
            node.wait_for("has its role", lambda node=node: node.says("primary") or node.says("replica"))
        self.wait_until_whole()
        self.make_database()
        return self

    def make_database(self) -> None:
        leader = self.leader()
        sql = leader.configuration.parent / "database.sql"
        subprocess.run([programs() / "psql", "-Xq", "-v", "ON_ERROR_STOP=1", leader.url(), "-f", sql], check=True)

    def leader(self) -> Node:
        return wait_until("there is a leader", lambda: next((node for node in self.nodes if node.says("primary")), None))

    def other(self) -> Node:
        leader = self.leader()
        return next(node for node in self.nodes if node is not leader)

    def wait_until_whole(self) -> None:
        """Until one is the primary and the other one its synchronous standby, so that either may be lost.

        Each is asked: for a while after a primary was started again, Patroni has no synchronous standby, and the standby's own
        Patroni does not know yet.
        """

        def whole() -> bool:
            for primary, standby in (self.nodes, self.nodes[::-1]):
                if primary.says("primary") and standby.says("synchronous") and primary.has_synchronous_standby():
                    return True
            return False

        wait_until("a primary and a synchronous standby", whole, 120)

    def mend(self) -> None:
        """Starts a node again that an event has ended or frozen, and waits until all is as before."""
        for node in self.nodes:
            if node.frozen:
                node.kill()
            if node.process.poll() is not None:
                node.start()
        self.wait_until_whole()

    def lose_etcd(self) -> None:
        """etcd is away until its lock would have expired, and comes back."""
        leader = self.leader()
        self.etcd.kill()
        said = len(leader.text())
        leader.wait_for("goes on without etcd", lambda: "failsafe mode is enabled" in leader.text()[said:])
        self.etcd.start()

    def remove(self) -> None:
        for node in self.nodes:
            node.kill()
            node.remove()
        self.etcd.kill()
        self.etcd.remove()

    def switch_over(self) -> None:
        leader, candidate = self.leader(), self.other()
        subprocess.run(
            [*leader.patronictl, "switchover", "--leader", leader.name, "--candidate", candidate.name, "--force"],
            check=True,
            timeout=120,
        )

    def url(self, file: str, port: int | None = None) -> str:
        """DATABASE_URL of this file of the guide, at the test's addresses: HAProxy's if there is a port, else the nodes'."""
        if port:
            return database_url("patroni", file, {"10.0.0.10:5432": f"127.0.0.1:{port}"})
        nodes = {f"10.0.0.{n}:5432": f"127.0.0.1:{node.port}" for n, node in enumerate(self.nodes, 1)}
        return database_url("patroni", file, nodes)


def database_url(guide: str, file: str, addresses: dict[str, str]) -> str:
    url = guides.files(guide)[file].strip().removeprefix("DATABASE_URL=")
    for theirs, ours in addresses.items():
        assert theirs in url, f"docs/guides/{guide}.md does not say {theirs} in {file}"
        url = url.replace(theirs, ours)
    return url


def settings(file: str) -> list[str]:
    """The lines that the guide of a standby has for postgresql.conf, as options of the command."""
    lines = guides.files("standby")[file].splitlines()
    return [f"-c{name.strip()}={value.strip().strip(chr(39))}" for name, value in (line.split("=", 1) for line in lines)]


class Primary(Postgres):
    def __init__(self, folder: Path):
        super().__init__(folder, "primary", *settings("primary.conf"))

    def make_database(self) -> None:
        for statement in guides.files("standby")["database.sql"].splitlines():
            self.sql(statement)


class Standby(Postgres):
    """A standby of a primary, as pg_basebackup makes it."""

    def __init__(self, folder: Path, primary: Primary):
        super().__init__(folder, "standby", *settings("standby.conf"))
        self.primary = primary

    def initialise(self) -> None:
        command = [programs() / "pg_basebackup", "-D", self.data / "data", "-d", self.primary.url(), "-R", "-c", "fast"]
        subprocess.run([str(part) for part in unprivileged(command)], check=True, cwd=self.data)


class Relay:
    """One address in front of the database, as a virtual address or a service of Kubernetes is.

    `point` sends new connections elsewhere and leaves the others where they are; `cut` ends those.
    """

    def __init__(self, target: int):
        self.target = target
        self.loop = asyncio.new_event_loop()
        self.open: set[asyncio.StreamWriter] = set()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        listening = asyncio.run_coroutine_threadsafe(asyncio.start_server(self._serve, "127.0.0.1", 0), self.loop)
        self.port = listening.result(10).sockets[0].getsockname()[1]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            onwards_reader, onwards_writer = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.transport.abort()
            return
        self.open |= {writer, onwards_writer}
        try:
            await asyncio.gather(self._copy(reader, onwards_writer), self._copy(onwards_reader, writer))
        finally:
            self.open -= {writer, onwards_writer}

    @staticmethod
    async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while octets := await reader.read(65536):
                writer.write(octets)
                await writer.drain()
        writer.close()

    def point(self, target: int) -> None:
        self.target = target

    def cut(self) -> None:
        def abort() -> None:
            for writer in list(self.open):
                writer.transport.abort()

        self.loop.call_soon_threadsafe(abort)

    def stop(self) -> None:
        async def cancel() -> None:
            tasks = asyncio.all_tasks() - {asyncio.current_task()}
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(cancel(), self.loop).result(10)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()


@contextlib.contextmanager
def one_address(target: int) -> Iterator[Relay]:
    relay = Relay(target)
    try:
        yield relay
    finally:
        relay.stop()
