"""Calls that run while something happens to the service, from clients in three languages, and replicas that restart meanwhile."""

import base64
import dataclasses
import json
import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from pathlib import Path

import grpc

from countersign import PASSWORD, ROOT, Countersign
from programs import Failed, Program, free_port

HERE = ROOT / "tests/real/rolling"
TOOLS = ROOT / ".tools/real"


@dataclasses.dataclass
class Result:
    calls: int
    failed: dict[str, int]
    slowest_ms: int

    def __str__(self) -> str:
        return f"{self.calls} calls, {sum(self.failed.values())} failed, the slowest took {self.slowest_ms} ms {self.failed or ''}"


def log_in(channel: grpc.Channel, username: str) -> str:
    """A new user's access token."""
    from auth.v1 import auth_service_pb2 as auth
    from auth.v1 import auth_service_pb2_grpc

    stub = auth_service_pb2_grpc.AuthServiceStub(channel)
    email = f"{username}@example.com"
    stub.Register(auth.RegisterRequest(username=username, email=email, password=PASSWORD), timeout=30)
    tokens = stub.Login(auth.LoginRequest(username=username, password=PASSWORD), timeout=30).tokens
    assert tokens.access_token.count(".") == 2
    return tokens.access_token


def mixed_calls(token: str, username: str) -> list[dict[str, str]]:
    """What the clients send, over and over: 200 calls, of which two hash a password and write."""
    from auth.v1 import auth_service_pb2 as auth
    from auth.v1 import token_service_pb2 as tokens

    def call(method: str, message) -> dict[str, str]:
        return {"method": f"/auth.v1.{method}", "message": base64.b64encode(message.SerializeToString()).decode()}

    cheap = [
        call("TokenService/IntrospectToken", tokens.IntrospectTokenRequest(token=token)),
        call("TokenService/GetJwks", tokens.GetJwksRequest()),
    ]
    # With a request_id every one after the first gets the same user back, after the same work.
    registration = auth.RegisterRequest(
        username=f"{username}-2", email=f"{username}-2@example.com", password=PASSWORD, request_id=str(uuid.uuid4())
    )
    login = auth.LoginRequest(username=username, password=PASSWORD)
    return [*cheap * 49, call("AuthService/Login", login), call("AuthService/Register", registration), *cheap * 50]


def node_modules() -> Path:
    folder = TOOLS / "rolling-node"
    lock = HERE / "node/package-lock.json"
    if not (folder / "done").exists() or (folder / "done").read_bytes() != lock.read_bytes():
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / "node" / name, folder)
        subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=folder, check=True)
        shutil.copy(lock, folder / "done")
    return folder / "node_modules"


def client(language: str) -> tuple[list[object], dict[str, str]]:
    """The command of a client, and what it needs in its environment."""
    if language == "grpcio":
        return [sys.executable, HERE / "client.py"], {}
    if language == "grpc-js":
        return ["node", HERE / "node/client.js"], {"NODE_PATH": str(node_modules())}
    assert language == "grpc-go"
    binary = TOOLS / "rolling-go"
    subprocess.run(["go", "build", "-mod=readonly", "-o", binary, "."], cwd=HERE / "go", check=True)
    return [binary], {}


class Load(Program):
    """Calls at a bounded rate until `result()` is asked for, and `at_least` so many."""

    def __init__(
        self, folder: Path, name: str, addresses: list[str], calls: list[dict[str, str]], at_least: int, rate: float,
        *, language: str = "grpcio", ca: Path | None = None, service_config: dict | None = None, authority: str | None = None,
        options: dict[str, object] | None = None,
    ):  # fmt: skip
        job = folder / f"{name}.json"
        job.write_text(json.dumps({
            "addresses": addresses, "calls": calls, "at_least": at_least, "rate": rate, "workers": 8, "deadline": 20,
            "ca": str(ca) if ca else None, "service_config": service_config, "authority": authority, "options": options or {},
        }))  # fmt: skip
        command, environment = client(language)
        super().__init__(name, [*command, job], folder, dict(os.environ) | environment)

    def start(self) -> "Load":
        super().start()
        self.wait_for("is connected", lambda: "ready" in self.text().splitlines())
        return self

    def result(self) -> Result:
        status = self.stop(120)
        lines = self.text().splitlines()
        if status != 0 or not lines[-1].startswith("{"):
            raise Failed(f"{self.name} ended with {status}:\n{self.tail()}")
        return Result(**json.loads(lines[-1]))


def http_status(url: str) -> int:
    """0 where nobody answers."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


class Replicas:
    """Two replicas on one Postgres. Each keeps its addresses when it is started again."""

    def __init__(self, folder: Path, database: str, run, **settings: str):
        # The default cost takes four times as long, and is not what is tested.
        settings = {"COUNTERSIGN_BCRYPT_COST": "10"} | settings
        self.each: list[Countersign] = []
        for name in ("one", "two"):
            addresses = {f"COUNTERSIGN_{kind}_ADDR": f"127.0.0.1:{free_port()}" for kind in ("GRPC", "HTTP")}
            self.each.append(run(Countersign(folder, database, name, **settings | addresses)))
            self.wait_until_ready(self.each[-1])

    @staticmethod
    def wait_until_ready(replica: Countersign) -> None:
        replica.wait_for("is ready", lambda: http_status(f"{replica.http}/readyz") == 200)

    def restart(self) -> float:
        """Both, one after the other; the second as soon as the first is ready, which is sooner than most would. Seconds."""
        begun = time.monotonic()
        for replica in self.each:
            assert replica.stop() == 0
            replica.start()
            self.wait_until_ready(replica)
        return time.monotonic() - begun

    def port(self, number: int, kind: str) -> int:
        replica = self.each[number]
        return int((replica.grpc if kind == "grpc" else replica.http).rsplit(":", 1)[1])


def certificate(folder: Path) -> Path:
    """A certificate of its own for localhost: `cert.pem`, `key.pem`, and `auth.pem` with both, as HAProxy wants them."""
    cert, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out", cert],
        check=True, capture_output=True,
    )  # fmt: skip
    (folder / "auth.pem").write_text(cert.read_text() + key.read_text())
    return cert


def secure_channel(port: int, ca: Path, **options: object) -> grpc.Channel:
    credentials = grpc.ssl_channel_credentials(ca.read_bytes())
    return grpc.secure_channel(f"localhost:{port}", credentials, options=list(options.items()))


