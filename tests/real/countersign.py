"""A replica of the service, from the release build, and its stubs."""

import base64
import json
import os
import subprocess
import sys
from pathlib import Path

# gRPC's handlers for fork() can end a child before its exec, where calls run in other threads; a program that runs as another
# user is started by fork(). Read when gRPC starts.
os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "false"

import grpc  # noqa: E402

from programs import Program

ROOT = Path(__file__).resolve().parents[2]
BINARY = Path(os.environ.get("COUNTERSIGN_BINARY", ROOT / "target/release/countersign"))
# What the contract is generated with: the folders of imports, and the import that no Python library has the code of.
INCLUDE = [f"-I{ROOT / folder}" for folder in ("proto", "third_party/googleapis", "third_party/protovalidate")]
RULES = "buf/validate/validate.proto"
ISSUER = "https://auth.example.com"
PASSWORD = "correct horse battery staple"


class Countersign(Program):
    """`countersign serve` on a database. Ports are free ones unless `settings` name them."""

    def __init__(self, folder: Path, database: str, name: str = "countersign", *, binary: Path = BINARY, **settings: str):
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("COUNTERSIGN_", "OTEL_")) and k != "DATABASE_URL"}
        environment |= {
            "DATABASE_URL": database,
            "COUNTERSIGN_GRPC_ADDR": "127.0.0.1:0",
            "COUNTERSIGN_HTTP_ADDR": "127.0.0.1:0",
            "COUNTERSIGN_LOG_FORMAT": "json",
        }
        if database.startswith("postgres"):
            environment |= {
                "COUNTERSIGN_DELIVERY": "log",
                "COUNTERSIGN_ISSUER": ISSUER,
                # Replicas of one database share it.
                "COUNTERSIGN_MASTER_KEY": base64.b64encode(bytes(range(32))).decode(),
            }
        super().__init__(name, [binary, "serve"], folder, environment | settings)
        self.read = 0

    def start(self) -> "Countersign":
        # A log of an earlier start names addresses of that start.
        self.read = len(self.text())
        super().start()
        listening = self.wait_for("says where it listens", self._listening)
        self.grpc, self.http = listening["grpc"], f"http://{listening['http']}"
        return self

    def _listening(self) -> dict | None:
        return next((event for event in self.events() if event.get("message") == "listening"), None)

    def events(self) -> list[dict]:
        """The lines of the log since the last start."""
        lines = self.text()[self.read :].splitlines()
        return [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]

    def code_for(self, username: str) -> str:
        """The newest one-time code that the log delivery wrote for a user."""

        def newest() -> str | None:
            codes = [e["code"] for e in self.events() if e.get("code") and e.get("username") == username]
            return codes[-1] if codes else None

        return self.wait_for(f"a code for {username}", newest)

    def channel(self, *options: tuple[str, object]) -> grpc.Channel:
        return grpc.insecure_channel(self.grpc, options=list(options))


def generate_stubs(folder: Path) -> None:
    """Python's generated code for our proto files, into a folder which is then importable."""
    protos = sorted(str(path.relative_to(ROOT / "proto")) for path in (ROOT / "proto").rglob("*.proto"))
    subprocess.run(
        [sys.executable, "-m", "grpc_tools.protoc", *INCLUDE,
         f"--python_out={folder}", f"--grpc_python_out={folder}", *protos, RULES],
        check=True,
    )  # fmt: skip
    sys.path.insert(0, str(folder))
