"""The connection strings of docs/guides/hosted-postgres.md, each against a Postgres or PgBouncer on loopback that has the host's name.

Names lead to loopback by nss_wrapper: nothing of this asks DNS or leaves the machine.
"""

import contextlib
import itertools
import os
import re
import shutil
import socket
import ssl
import struct
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

import pytest

import guides
from countersign import BINARY, Countersign
from mail import DEBIAN_13, Authority
from postgres import Postgres, programs
from programs import Program, accepts, free_port, running

FILES = guides.files("hosted-postgres")
HOSTS = sorted({name.split("/")[0] for name in FILES} - {"refused"})
FORM = re.compile(r"(?P<scheme>postgres(ql)?)://(?P<user>[^:]+):(?P<password>.*)@(?P<host>[^/:?]*)(:(?P<port>\d+))?/(?P<database>\w+)(\?(?P<parameters>.*))?$")


@dataclass
class String:
    """A connection string, as a person reads it."""

    text: str
    user: str
    password: str
    host: str
    database: str
    parameters: dict[str, str]


def read(text: str) -> String:
    found = FORM.match(text)
    assert found, f"not a connection string: {text}"
    parameters = dict(part.split("=", 1) for part in (found["parameters"] or "").split("&") if part)
    return String(text, found["user"], unquote(found["password"]), found["host"], found["database"], parameters)


def settings(host: str) -> dict[str, str]:
    """What the guide says to set."""
    return dict(line.split("=", 1) for line in FILES[f"{host}/countersign.env"].splitlines())


def printed(host: str) -> list[str]:
    return FILES.get(f"{host}/printed.txt", "").splitlines()


def all_strings() -> list[String]:
    texts = [text for host in HOSTS for text in printed(host)]
    texts += [value for host in HOSTS for name, value in settings(host).items() if name.endswith("_URL")]
    return [read(text) for text in texts]


class Hosted:
    """A Postgres and a PgBouncer in transaction mode that answer to all of the guide's names, with TLS."""

    def __init__(self, folder: Path, run):
        self.folder = folder
        names = sorted({string.host for string in all_strings() if re.search("[a-z]", string.host)})
        (folder / "authority").mkdir()
        self.authority = Authority(folder / "authority", *names)
        self.postgres = Postgres(folder, "postgres", "-cssl=on", "-cpassword_encryption=scram-sha-256")
        # Cloud SQL's folder has colons in its name.
        self.sockets = self.postgres.data / "cloudsql"
        folder_of_socket = self.sockets / "my-project:europe-west1:auth"
        folder_of_socket.mkdir(parents=True)
        self.postgres.command.append(f"-cunix_socket_directories={folder_of_socket}")
        for part in ("certificate", "key"):
            path = self.postgres.data / f"{part}.pem"
            shutil.copy(getattr(self.authority, part), path)
            self.postgres.command.append(f"-cssl_{'cert' if part == 'certificate' else part}_file={path}")
        if self.postgres.user:
            for path in (self.sockets, folder_of_socket, self.postgres.data / "key.pem"):
                shutil.chown(path, self.postgres.user)
        (self.postgres.data / "key.pem").chmod(0o600)
        self.postgres.initialise()
        run(self.postgres)
        self._make_users()
        self.pooler = run(self._pooler(folder))
        self.pooler.wait_for("takes connections", lambda: accepts(self.pooler.port))
        hosts = folder / "hosts"
        hosts.write_text("".join(f"127.0.0.1 {name}\n" for name in names))
        self.environment = {"LD_PRELOAD": "libnss_wrapper.so", "NSS_WRAPPER_HOSTS": str(hosts), "PGPORT": str(self.postgres.port)}

    def _make_users(self) -> None:
        users, databases = set(), {"postgres"}
        for string in all_strings():
            password = string.password.replace("'", "''")
            if string.user not in users:
                verb = "ALTER" if string.user == "postgres" else "CREATE"
                self.postgres.sql(f"{verb} ROLE \"{string.user}\" LOGIN SUPERUSER PASSWORD '{password}'")
            if string.database not in databases:
                self.postgres.sql(f'CREATE DATABASE "{string.database}"')
            users.add(string.user)
            databases.add(string.database)
        # Over TCP with TLS and SCRAM alone, as hosts do; Cloud SQL's proxy does the TLS itself.
        rules = "local all all scram-sha-256\nhostssl all all 127.0.0.1/32 scram-sha-256\nhostnossl all countersign 127.0.0.1/32 scram-sha-256\n"
        (self.postgres.data / "data/pg_hba.conf").write_text(rules)
        self.postgres.sql("SELECT pg_reload_conf()")

    def _pooler(self, folder: Path) -> Program:
        port = free_port()
        users = {(string.user, string.password) for string in all_strings()}
        home = self.postgres.data
        (home / "userlist.txt").write_text("".join(f'"{user}" "{password}"\n' for user, password in sorted(users)))
        (home / "pgbouncer.ini").write_text(
            f"[databases]\n* = host=127.0.0.1 port={self.postgres.port}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n"
            f"auth_type = scram-sha-256\nauth_file = {home}/userlist.txt\npool_mode = transaction\nmax_prepared_statements = 200\n"
            f"client_tls_sslmode = require\nclient_tls_cert_file = {home}/certificate.pem\nclient_tls_key_file = {home}/key.pem\n"
            f"server_tls_sslmode = require\n"
        )
        command = [DEBIAN_13 / "pgbouncer", home / "pgbouncer.ini"]
        if self.postgres.user:
            command = ["setpriv", f"--reuid={self.postgres.user}", f"--regid={self.postgres.user}", "--clear-groups", *command]
        pooler = Program("pgbouncer", command, folder)
        pooler.port = port
        return pooler

    def sql(self, statement: str) -> str:
        """As the administrator, who needs a password by now."""
        password = next(string.password for string in all_strings() if string.user == "postgres")
        command = [programs() / "psql", "-XAtq", self.postgres.url(), "-c", statement]
        environment = {"PGPASSWORD": password, "PGSSLMODE": "require", "PATH": os.environ["PATH"]}
        return subprocess.run(list(map(str, command)), env=environment, check=True, capture_output=True, text=True).stdout.strip()

    def here(self, text: str) -> str:
        """The string with this machine's port and files, and nothing else changed. The name of a pooler leads to the pooler."""
        string = read(text)
        port = self.pooler.port if "-pooler." in string.host else self.postgres.port
        text = re.sub(r":\d+/(\w+)(\?|$)", rf":{port}/\1\2", text)
        if "-pooler." in string.host:
            text = text.replace(f"{string.host}/", f"{string.host}:{port}/")
        text = text.replace("/cloudsql/", f"{self.sockets}/")
        text = re.sub(r"sslrootcert=[^&]+", f"sslrootcert={self.authority.ca}", text)
        if "sslmode=verify-full" in text and "sslrootcert" not in text:
            # The host's certificate is of a public authority; ours can't be.
            text += f"&sslrootcert={self.authority.ca}"
        return text

    def migrate(self, **urls: str) -> subprocess.CompletedProcess:
        base = {k: v for k, v in Countersign(self.folder, "").environment.items() if not k.startswith("PG")}
        environment = base | self.environment | urls
        return subprocess.run([BINARY, "migrate"], env=environment, cwd=self.folder, capture_output=True, text=True, timeout=60)


@pytest.fixture(scope="module")
def hosted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hosted")
    with contextlib.ExitStack() as stack:
        here = Hosted(folder, lambda program: stack.enter_context(running(program)))
        yield here
    here.postgres.remove()


@pytest.mark.short
@pytest.mark.parametrize("host", HOSTS)
def test_what_the_guide_says_to_write_works(hosted, host):
    urls = {name: hosted.here(value) if name.endswith("_URL") else value for name, value in settings(host).items()}
    done = hosted.migrate(**urls)
    print(done.stderr)
    assert done.returncode == 0


@pytest.mark.short
@pytest.mark.parametrize("text", [pytest.param(text, id=f"{host}-{n}") for host in HOSTS for n, text in enumerate(printed(host))])
def test_what_a_host_prints_works_or_is_refused_with_what_to_write(hosted, text):
    done = hosted.migrate(DATABASE_URL=hosted.here(text))
    print(done.stderr)
    if "channel_binding=require" in text:
        assert done.returncode != 0 and "channel_binding" in done.stderr and "write sslmode=verify-full" in done.stderr
    else:
        assert done.returncode == 0
    assert read(text).password not in done.stderr


# What each error must say, by what the string begins with or holds.
REASONS = {
    "psql ": "postgres://", "host=": "postgres://", "jdbc:": "postgres://", "postgresql+psycopg:": "postgres://",
    "pgbouncer=true": "pgbouncer", "no-verify": "sslmode must be",
}  # fmt: skip


@pytest.mark.short
@pytest.mark.parametrize("text", FILES["refused/printed.txt"].splitlines(), ids=itertools.count())
def test_what_the_guide_calls_refused_is_with_a_reason_and_without_the_password(hosted, text):
    done = hosted.migrate(DATABASE_URL=text)
    print(done.stderr)
    [reason] = [reason for sign, reason in REASONS.items() if text.startswith(sign) or sign in text.rpartition("?")[2]]
    assert done.returncode != 0 and reason in done.stderr
    assert not any(secret in done.stderr for secret in ("AbC123dEf", "Secret-1", "p0123456789abcdef"))


def test_verify_full_takes_neither_another_authority_nor_another_name(hosted, tmp_path):
    right = hosted.here(settings("rds")["DATABASE_URL"])
    other = Authority(tmp_path, read(right).host)
    public = "sslmode=verify-full"
    for wrong in (
        right.replace(str(hosted.authority.ca), str(other.ca)),
        re.sub("sslmode=.*", public, right),
        right.replace(read(right).host, "127.0.0.1"),
    ):
        done = hosted.migrate(DATABASE_URL=wrong)
        print(done.stderr)
        assert done.returncode != 0 and "certificate" in done.stderr


def test_a_host_without_fsync_must_be_named(hosted):
    neon = settings("neon")
    urls = {name: hosted.here(value) for name, value in neon.items() if name.endswith("_URL")}
    hosted.sql("ALTER SYSTEM SET fsync = off")
    hosted.sql("SELECT pg_reload_conf()")
    try:
        hosted.postgres.wait_for("fsync is off", lambda: hosted.sql("SHOW fsync") == "off")
        refused = hosted.migrate(**urls)
        print(refused.stderr)
        assert refused.returncode != 0 and "fsync" in refused.stderr and "COUNTERSIGN_FSYNC_OFF_AT" in refused.stderr
        taken = hosted.migrate(**urls, COUNTERSIGN_FSYNC_OFF_AT=neon["COUNTERSIGN_FSYNC_OFF_AT"])
        print(taken.stderr)
        assert taken.returncode == 0 and "WARN" in taken.stderr
    finally:
        hosted.sql("ALTER SYSTEM RESET fsync")
        hosted.sql("SELECT pg_reload_conf()")


def test_people_log_in_through_a_hosts_pooler(hosted, tmp_path, run):
    from test_harness import log_in

    urls = {name: hosted.here(value) if name.endswith("_URL") else value for name, value in settings("neon").items()}
    server = Countersign(tmp_path, urls.pop("DATABASE_URL"), **hosted.environment, **urls)
    assert log_in(run(server)).count(".") == 2
    assert server.stop() == 0


def test_the_hosts_name_is_sent_in_the_handshake_by_which_poolers_find_the_database(hosted):
    """Server Name Indication: without it Neon would want options=endpoint%3D…."""
    names, listener = [], socket.create_server(("127.0.0.1", 0))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(hosted.authority.certificate, hosted.authority.key)
    context.sni_callback = lambda _socket, name, _context: names.append(name)

    def answer() -> None:
        listener.settimeout(20)
        with contextlib.suppress(OSError):
            connection, _ = listener.accept()
            with connection:
                assert struct.unpack("!ii", connection.recv(8)) == (8, 80877103)
                connection.sendall(b"S")
                context.wrap_socket(connection, server_side=True).close()

    thread = threading.Thread(target=answer)
    thread.start()
    text = settings("neon")["COUNTERSIGN_MIGRATE_URL"]
    host = read(text).host
    url = text.replace(f"{host}/", f"{host}:{listener.getsockname()[1]}/")
    done = hosted.migrate(DATABASE_URL=f"{url}&sslrootcert={hosted.authority.ca}")
    thread.join()
    listener.close()
    assert done.returncode != 0 and names[:1] == [host]


def test_neons_option_for_clients_without_a_name_in_the_handshake_reaches_the_server(hosted):
    """Its proxy takes the option away; here Postgres itself reads it, and it is that which complains."""
    url = hosted.here(settings("neon")["COUNTERSIGN_MIGRATE_URL"])
    done = hosted.migrate(DATABASE_URL=f"{url}&options=endpoint%3Dep-cool-darkness-a1b2c3d4")
    print(done.stderr)
    assert done.returncode != 0 and "endpoint=ep-cool-darkness-a1b2c3d4" in hosted.postgres.text()
