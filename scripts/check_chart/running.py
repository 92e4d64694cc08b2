"""Each set of values, rendered and run on a real Postgres: the service takes the environment, and the probes tell the truth."""

import json
import os
import signal
import subprocess
import tempfile
from pathlib import Path

from ruamel.yaml import YAML

from .chart import Object, containers, objects, of_kind, render, value_sets
from .pod import MASTER_KEY, Server, migrate

SECRETS = {
    "COUNTERSIGN_MASTER_KEY": MASTER_KEY,
    "COUNTERSIGN_SMTP_URL": "smtps://user:password@mail.example.com:465",
    "COUNTERSIGN_WEBHOOK_SECRET": MASTER_KEY,
    "PGPASSWORD": "a%20password/with?signs",
}
WELL = {"startup": "success", "liveness": "success", "readiness": "success"}
# Another start would not bring the database back.
WITHOUT_DATABASE = {**WELL, "readiness": "failure"}


# Beside the owner of the tables, who migrates: what serves may only use rows (docs/operations.md, Roles and rights).
ROLE = "countersign_service"
GRANT = f"""GRANT USAGE ON SCHEMA public TO {ROLE};
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {ROLE};"""


def sql(socket: str, database: str, statements: str) -> None:
    subprocess.run(["psql", "-h", socket, "-U", "postgres", "-d", database, "-qc", statements], check=True)


class Release:
    """A set of values, with a database and a folder of its own."""

    def __init__(self, values: Path, socket: str, folder: Path) -> None:
        self.name = values.stem
        self.folder = folder / self.name
        self.folder.mkdir()
        database = self.name.replace("-", "_")
        sql(socket, "postgres", f"CREATE DATABASE {database}")
        sql(socket, database, GRANT)
        self.manifests = self.folder / "manifests.yaml"
        self.manifests.write_text(render(values, *changes_for(values, socket, database)))
        self.objects = objects(self.manifests.read_text())
        self.deployment: Object = next(of_kind("Deployment", self.objects))
        self.grace: int = self.deployment["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
        # Where another role migrates, the server's own could not.
        role = ROLE if "COUNTERSIGN_MIGRATE_URL" in values.read_text() else "postgres"
        url, owner = (f"postgres://{user}@localhost/{database}?host={socket}" for user in (role, "postgres"))
        self.given = {**SECRETS, "DATABASE_URL": url, "COUNTERSIGN_MIGRATE_URL": owner, "PGUSER": role}
        for file, text in {"master-key": MASTER_KEY, "database-url": url, "owner-url": owner}.items():
            self.write(f"secrets/{file}", text)
        for map in of_kind("ConfigMap", self.objects):
            for volume in self.volumes(map["metadata"]["name"]):
                for file, text in map["data"].items():
                    self.write(f"{volume}/{file}", text)
        self.certificate()

    def volumes(self, config_map: str) -> list[str]:
        """Where the server has it, which is also what the volume is called."""
        volumes = self.deployment["spec"]["template"]["spec"].get("volumes", ())
        return [each["name"] for each in volumes if each.get("configMap", {}).get("name") == config_map]

    def write(self, path: str, text: str) -> None:
        file = self.folder / path
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)

    def certificate(self) -> None:
        """Its own authority, which also stands for that of the clients."""
        folder = self.folder / "tls"
        folder.mkdir()
        key = "-nodes -newkey ec -pkeyopt ec_paramgen_curve:prime256v1"
        options = f"req -x509 {key} -days 2 -subj /CN=x -addext subjectAltName=DNS:localhost"
        files = ["-keyout", folder / "tls.key", "-out", folder / "tls.crt"]
        subprocess.run(["openssl", *options.split(), *files], check=True, capture_output=True)
        (folder / "ca.crt").write_bytes((folder / "tls.crt").read_bytes())

    def start(self, binary: Path) -> Server:
        """First what migrates before the servers, where something does: these only check."""
        jobs = [container for job in of_kind("Job", self.objects) for container in containers(job)]
        *first, server = [*jobs, *containers(self.deployment)]
        for container in first:
            migrate(binary, container, self.given, self.folder)
        return Server(self.name, binary, server, self.given, self.folder)


def changes_for(values: Path, socket: str, database: str) -> list[Object]:
    """A short shutdown; and where the values name the database by its parts, the parts of the one that is here."""
    short = {"shutdown.drainSeconds": "1", "shutdown.timeoutSeconds": "2"}
    if "database" not in YAML(typ="safe").load(values):
        return [short]
    ours = {"hosts": [socket], "port": 5432, "name": database, "user": "postgres", "sslmode": "disable", "caSecret.name": ""}
    return [short, {f"database.{part}": json.dumps(value) for part, value in ours.items()}]


def run(binary: Path, socket: str) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        servers: list[Server] = []
        sql(socket, "postgres", f"CREATE ROLE {ROLE} LOGIN")
        try:
            releases = [Release(values, socket, Path(temporary)) for values in value_sets()]
            servers = [release.start(binary) for release in releases]
            check(list(zip(releases, servers, strict=True)), socket)
        finally:
            for server in servers:
                server.kill()


def check(running: list[tuple[Release, Server]], socket: str) -> None:
    listening = {}
    for release, server in running:
        listening[release.name] = server.wait_for("listening")
        admin = any(port["name"] == "admin" for port in containers(release.deployment)[-1]["ports"])
        assert ("admin" in listening[release.name]) == admin, f"{release.name}: {listening[release.name]}"
        server.wait_for("ready")
        expect(server.probe(release.manifests, listening[release.name]), WELL, release.name)
    stop_postgres(socket)
    for release, server in running:
        server.wait_for("not ready")
        expect(server.probe(release.manifests, listening[release.name]), WITHOUT_DATABASE, f"{release.name} without its database")
    for _, server in running:
        server.terminate()
    for release, server in running:
        server.end(release.grace)


def stop_postgres(socket: str) -> None:
    """At once, as if its machine were gone. The cluster lies in the folder of its socket."""
    pid = (Path(socket) / "data/postmaster.pid").read_text().split()[0]
    os.kill(int(pid), signal.SIGQUIT)


def expect(found: dict[str, str], expected: dict[str, str], what: str) -> None:
    assert found == expected, f"{what}: the kubelet's probes find {found}, not {expected}"
