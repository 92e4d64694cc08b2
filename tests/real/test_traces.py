"""A real OpenTelemetry collector, rotel, gets the spans of a login: over gRPC, over HTTP, and after it was killed."""

import re
import time
from importlib.util import find_spec
from pathlib import Path

import pytest

from caller import Caller
from countersign import PASSWORD, Countersign
from programs import Program, accepts, free_port

LOGIN = "auth.v1.AuthService/Login"
# Seconds. The promise about the end of the process.
LATEST = 2


class Rotel(Program):
    """The collector, which prints the spans that it gets."""

    def __init__(self, folder: Path, name: str = "rotel"):
        self.grpc, self.http = free_port(), free_port()
        agent = Path(find_spec("rotel").submodule_search_locations[0]) / "rotel-agent"
        super().__init__(
            name,
            [agent, "start", "--exporter", "blackhole", "--debug-log", "traces", "--debug-log-verbosity", "detailed",
             "--otlp-grpc-endpoint", f"127.0.0.1:{self.grpc}", "--otlp-http-endpoint", f"127.0.0.1:{self.http}",
             "--pid-file", folder / f"{name}.pid", "--log-file", folder / f"{name}-agent.log"],
            folder,
        )  # fmt: skip

    def start(self) -> "Rotel":
        super().start()
        self.wait_for("accepts", lambda: accepts(self.grpc) and accepts(self.http))
        return self

    def spans(self) -> list[dict]:
        """What it has printed of each span."""
        parts = re.split(r"^Span #\d+$", self.text(), flags=re.MULTILINE)[1:]
        return [self.span(part) for part in parts]

    @staticmethod
    def span(text: str) -> dict:
        fields = dict(re.findall(r"^ {4}([\w ]+?) *: (.*)$", text, flags=re.MULTILINE))
        return fields | dict(re.findall(r"^ {5}-> ([\w.]+): \w+\((.*)\)$", text, flags=re.MULTILINE))

    def named(self, name: str) -> list[dict]:
        return [span for span in self.spans() if span["Name"] == name]


def traced(folder: Path, endpoint: str, protocol: str) -> Countersign:
    settings = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
        "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
        "OTEL_BSP_SCHEDULE_DELAY": "100",
        "OTEL_BSP_EXPORT_TIMEOUT": "1000",
        "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=a%20test",
    }
    return Countersign(folder, f"sqlite://{folder}/countersign.db", **settings)


def log_in(server: Countersign, caller: Caller) -> None:
    """With the code that is mailed."""
    challenge = caller("Login", username="alice", password=PASSWORD).challenge
    caller("Verify2FA", challenge_id=challenge.challenge_id, otp_code=server.code_for("alice"))


def first_step(caller: Caller) -> None:
    """A login that stays a challenge."""
    caller("Login", username="alice", password=PASSWORD)


def register(caller: Caller) -> None:
    caller("Register", username="alice", email="alice@example.com", password=PASSWORD, two_factor=True)


@pytest.mark.short
@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
def test_a_login_is_a_tree(tmp_path: Path, run, protocol: str):
    rotel = run(Rotel(tmp_path))
    port = rotel.grpc if protocol == "grpc" else rotel.http
    server = run(traced(tmp_path, f"http://127.0.0.1:{port}", protocol))
    caller = Caller(server)
    register(caller)
    log_in(server, caller)
    [login] = rotel.wait_for("gets the login", lambda: rotel.named(LOGIN))
    rotel.wait_for("gets the rest", lambda: rotel.named("auth.v1.AuthService/Verify2FA"))
    assert login["Kind"] == "SPAN_KIND_SERVER"
    assert login["rpc.response.status_code"] == "OK"
    parts = {span["Name"] for span in rotel.spans() if span["Parent ID"] == login["ID"]}
    assert {"password queue", "password hash", "deliver"} <= parts, parts
    assert any(part.startswith("store ") for part in parts), parts
    assert "deployment.environment.name: Str(a test)" in rotel.text()
    code = server.code_for("alice")
    assert server.stop() == 0
    # A time may have the digits of a code in it.
    for secret in (PASSWORD, "alice", f"({code})"):
        assert secret not in rotel.text()


def test_a_collector_is_killed_and_comes_back(tmp_path: Path, run):
    rotel = run(Rotel(tmp_path))
    server = run(traced(tmp_path, f"http://127.0.0.1:{rotel.grpc}", "grpc"))
    caller = Caller(server)
    register(caller)
    log_in(server, caller)
    rotel.wait_for("gets the login", lambda: rotel.named(LOGIN))
    rotel.kill()
    first_step(caller)
    server.wait_for("says so", lambda: any("not exported" in event["message"] for event in server.events()))
    before = len(rotel.named(LOGIN))
    rotel.start()
    first_step(caller)
    rotel.wait_for("gets the next login", lambda: len(rotel.named(LOGIN)) > before)
    server.wait_for("says so", lambda: any("exported again" in event["message"] for event in server.events()))
    rotel.kill()
    first_step(caller)
    begun = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - begun < LATEST
