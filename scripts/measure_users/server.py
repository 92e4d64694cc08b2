"""`countersign serve` on a database, and calls with the token of a service account that may administer."""

import base64
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from pathlib import Path

# gRPC's handlers for fork() get in the way of programs that are started. Read when gRPC starts.
os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "false"

import grpc  # noqa: E402

from .cluster import ROOT, Cluster  # noqa: E402

# Each asks for a few more users than a page has, and waits for the disk at first.
CALL_SECONDS = 60


class Server:
    """One server; leaving the block ends it."""

    def __init__(self, cluster: Cluster, binary: Path, folder: Path, database: str) -> None:
        self.database, self._binary, self._folder = database, binary, folder / database
        self._folder.mkdir()
        self._environment = cluster.environment(database) | {
            "COUNTERSIGN_GRPC_ADDR": "127.0.0.1:0",
            "COUNTERSIGN_HTTP_ADDR": "127.0.0.1:0",
            "COUNTERSIGN_LOG_FORMAT": "json",
            "COUNTERSIGN_BCRYPT_COST": "10",
            "COUNTERSIGN_ADDRESS_RATE": "0",
            "COUNTERSIGN_SOURCE_FAILURES": "0",
            # Few, so that the statements of a connection soon have the plan that they keep.
            "COUNTERSIGN_DATABASE_CONNECTIONS": "2",
        }

    def __enter__(self) -> "Server":
        credentials = self._account()
        with (self._folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [self._binary, "serve"], cwd=self._folder, env=self._environment,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        try:
            listening = self._listening()
            self._bearer = [("authorization", f"Bearer {token(listening['http'], credentials)}")]
            self._channel = grpc.insecure_channel(listening["grpc"])
            from auth.v1 import admin_service_pb2_grpc, auth_service_pb2_grpc

            self._admin = admin_service_pb2_grpc.AdminServiceStub(self._channel)
            self._auth = auth_service_pb2_grpc.AuthServiceStub(self._channel)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._channel.close()
        self._end()

    def _end(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def get_user(self, request: object) -> object:
        return self._admin.GetUser(request, metadata=self._bearer, timeout=CALL_SECONDS)

    def list_users(self, request: object) -> object:
        return self._admin.ListUsers(request, metadata=self._bearer, timeout=CALL_SECONDS)

    def refused_login(self, request: object) -> None:
        try:
            self._auth.Login(request, timeout=CALL_SECONDS)
        except grpc.RpcError as error:
            if error.code() == grpc.StatusCode.UNAUTHENTICATED:
                return
            raise
        sys.exit("measure-users: a login with a wrong password was not refused")

    def _account(self) -> tuple[str, str]:
        """The id and the key of a new service account."""
        command = [self._binary, "service-account", "create", "measure", "--grant-scope", "admin"]
        done = subprocess.run(
            command, check=True, capture_output=True, text=True, timeout=60, cwd=self._folder, env=self._environment
        )
        found = re.search(r"\b([0-9a-f]{32})\b.*?\b(cskey\w+)", done.stdout, re.DOTALL)
        return found.groups() if found else sys.exit(f"measure-users: no key in: {done.stdout}")

    def _listening(self) -> dict:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and self._process.poll() is None:
            for line in (self._folder / "log").read_text().splitlines():
                if '"listening"' in line and line.endswith("}"):
                    return json.loads(line)
            time.sleep(0.05)
        sys.exit(f"measure-users: the server did not start:\n{(self._folder / 'log').read_text()}")


def token(http: str, credentials: tuple[str, str]) -> str:
    basic = base64.b64encode(":".join(credentials).encode()).decode()
    form = urllib.parse.urlencode({"grant_type": "client_credentials", "scope": "admin"}).encode()
    request = urllib.request.Request(f"http://{http}/oauth2/token", form, {"Authorization": f"Basic {basic}"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)["access_token"]


def generate_stubs(folder: Path) -> None:
    """Python's generated code for our proto files, into a folder which is then importable."""
    protos = sorted(str(path.relative_to(ROOT / "proto")) for path in (ROOT / "proto").rglob("*.proto"))
    include = [f"-I{ROOT / folder}" for folder in ("proto", "third_party/googleapis", "third_party/protovalidate")]
    out = [f"--python_out={folder}", f"--grpc_python_out={folder}"]
    subprocess.run([sys.executable, "-m", "grpc_tools.protoc", *include, *out, *protos, "buf/validate/validate.proto"], check=True)
    sys.path.insert(0, str(folder))
