"""Clients that others wrote for HTTP: curl, buf, Connect's, grpc-web, and what generators make of the OpenAPI document.

Each has `call(rpc, request, token)`: the answer as JSON, or `error` with its code and reason. Those with streams have `watch`, `heard`
for its next message, and `end_watch`.
"""

import base64
import json
import os
import shutil
import subprocess
import urllib.request
from pathlib import Path

from google.rpc import error_details_pb2

import guides
from countersign import ROOT, Countersign
from languages import HERE, Node, Talker, execute
from programs import Program

OPENAPI = ROOT / ".tools/openapi"


def connect_error(text: str) -> dict:
    """The code and the reason of Connect's JSON of an error, which buf prints for all protocols."""
    error = json.loads(text)
    details = {detail["type"]: detail["value"] for detail in error["details"]}
    info = base64.b64decode(details["google.rpc.ErrorInfo"] + "==")
    reason = error_details_pb2.ErrorInfo.FromString(info).reason
    return {"error": {"code": error["code"].upper(), "reason": reason}}


def bearer(token: str | None) -> list[str]:
    return ["--header", f"authorization: Bearer {token}"] if token else []


class Curl:
    """Connect with JSON, and no library at all."""

    def __init__(self, http: str):
        self.http = http

    def call(self, rpc: str, request: dict, token: str | None = None) -> dict:
        command = ["curl", "--silent", "--show-error", "--max-time", "30", "--write-out", "\n%{http_code}", *bearer(token)]
        command += ["--json", json.dumps(request), f"{self.http}/auth.v1.{rpc.replace('.', '/')}"]
        answer, _, status = subprocess.run(command, capture_output=True, text=True, check=True).stdout.rpartition("\n")
        return json.loads(answer) if status == "200" else connect_error(answer)


class Messages(Program):
    """A program that prints one JSON document after the other."""

    def start(self) -> "Messages":
        super().start()
        self.at = 0
        return self

    def next(self) -> dict:
        def whole() -> dict | None:
            text = self.text()[self.at :]
            try:
                document, end = json.JSONDecoder().raw_decode(text.lstrip())
            except json.JSONDecodeError:
                return None
            self.at += len(text) - len(text.lstrip()) + end
            return document

        return self.wait_for("has another message", whole)


class Buf:
    """`buf curl` by one of its protocols; with "reflection" it asks the service for the contract."""

    def __init__(self, tools: "Tools", run, protocol: str, server: Countersign):
        self.folder, self.run = tools.folder, run
        over_grpc = protocol in ("grpc", "reflection")
        self.url = f"http://{server.grpc}" if over_grpc else server.http
        self.command = [str(tools.buf), "curl", "--protocol", "grpc" if over_grpc else protocol]
        self.command += ["--http2-prior-knowledge"] if over_grpc else []
        self.command += [] if protocol == "reflection" else ["--schema", str(tools.contract)]

    def call(self, rpc: str, request: dict, token: str | None = None) -> dict:
        command = [*self.command, *bearer(token), "--data", json.dumps(request), self._url(rpc)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        return connect_error(done.stderr) if done.returncode else json.loads(done.stdout)

    def _url(self, rpc: str) -> str:
        return f"{self.url}/auth.v1.{rpc.replace('.', '/')}"

    def watch(self) -> None:
        command = [*self.command, "--data", "{}", self._url("TokenService.WatchRevocations")]
        self.watching = self.run(Messages("buf", command, self.folder))

    def heard(self) -> dict:
        return self.watching.next()

    def end_watch(self) -> None:
        self.watching.kill()


class Spoken(Talker):
    """A program that makes the calls: node/web/talk.mjs has the words."""

    def call(self, rpc: str, request: dict, token: str | None = None) -> dict:
        return self.ask(rpc=rpc, request=request, token=token)

    def watch(self, timeout_ms: int | None = None) -> None:
        self.send(watch={"timeoutMs": timeout_ms})

    def heard(self) -> dict:
        return self.answer()

    def end_watch(self) -> None:
        self.send(stop=True)
        # A message may come before the end.
        while "error" not in (last := self.answer()):
            pass
        assert last["error"]["code"] in ("CANCELED", "CANCELLED")


class Tools:
    """What the clients are built of: the guide's files, and code made of the contract and of the OpenAPI document."""

    def __init__(self, folder: Path, http: str):
        self.folder, self.http = folder, http
        self.contract = folder / "contract.binpb"
        execute(["scripts/tools", "buf", "openapi-python", "openapi-npm"], ROOT)
        # The program itself: the script around it would end without it.
        self.buf = next((ROOT / ".tools/npm/node_modules/@bufbuild").glob("buf-*/bin/buf"))
        Node().prepare(folder)
        for name in ("proto", "third_party"):
            shutil.copytree(ROOT / name, folder / name)
        shutil.copy(ROOT / "buf.yaml", folder)
        execute([self.buf, "build", "--output", self.contract], folder)
        guides.write("web", folder, {"https://auth.example.com": http})
        execute([self.buf, "generate"], folder, PATH=f"{folder}/node_modules/.bin:{os.environ['PATH']}")
        for source in (HERE / "node/web").iterdir():
            shutil.copy(source, folder)

    def node(self, program: str, *arguments: str, url: str | None = None) -> Spoken:
        return Spoken(program, ["node", program, url or self.http, *arguments], self.folder)

    def openapi(self, language: str) -> Spoken:
        """A client that a generator makes of the document of the service itself."""
        document = self.folder / "openapi.json"
        with urllib.request.urlopen(f"{self.http}/openapi.json", timeout=10) as answer:
            document.write_bytes(answer.read())
        return self._python(document) if language == "python" else self._typescript(document)

    def _python(self, document: Path) -> Spoken:
        programs = OPENAPI / "venv/bin"
        execute(
            [programs / "openapi-python-client", "generate", "--path", document, "--meta", "none", "--output-path", "countersign",
             "--fail-on-warning"],
            self.folder, PATH=f"{programs}:{os.environ['PATH']}",
        )  # fmt: skip
        return Spoken("openapi-python", [programs / "python", HERE / "python/openapi.py", self.http], self.folder)

    def _typescript(self, document: Path) -> Spoken:
        programs = OPENAPI / "node/node_modules/.bin"
        (self.folder / "typescript").mkdir()
        execute(
            [programs / "openapi-ts", "--input", document, "--output", "typescript", "--client", "@hey-api/client-fetch", "--silent"],
            self.folder,
        )  # fmt: skip
        execute(
            [programs / "tsc", "--module", "commonjs", "--moduleResolution", "bundler", "--target", "es2022", "--skipLibCheck",
             "--outDir", "generated", "typescript/index.ts"],
            self.folder,
        )  # fmt: skip
        return self.node("openapi.mjs")
