"""Mistakes of callers and operators, by the means that they have: a path that is mistyped, a head that is too large."""

import re
import subprocess
import urllib.request
from pathlib import Path

import grpc
import pytest

from countersign import BINARY, Countersign

pytestmark = pytest.mark.short

# What a command is given: something that it could do, were the database there.
COMMANDS = {
    "backup": ["backup.db"],
    "events": [],
    "export": ["--output", "users.jsonl"],
    "import": ["users.jsonl"],
    "keys list": [],
    "keys reencrypt": [],
    "keys retire": ["01a20c4a-0429-7775-a845-ad388fc19430"],
    "keys rotate": ["--now"],
    "restore": ["--already-restored"],
    "seed": ["--users", "1"],
    "service-account create": ["orders"],
    "service-account delete": ["orders"],
    "service-account disable": ["orders"],
    "service-account enable": ["orders"],
    "service-account end-tokens": ["orders"],
    "service-account key create": ["orders"],
    "service-account key list": ["orders"],
    "service-account key revoke": ["orders", "01a20c4a04297775a845ad388fc19430"],
    "service-account list": [],
    "service-account set": ["orders", "--may-exchange"],
    "service-account show": ["orders"],
    "user create": ["alice", "--email", "alice@example.com"],
    "user delete": ["alice", "--yes"],
    "user disable": ["alice"],
    "user disable-2fa": ["alice"],
    "user enable": ["alice"],
    "user list": [],
    "user reset-factors": ["alice"],
    "user sessions": ["alice"],
    "user set": ["alice", "--role", "admin"],
    "user set-password": ["alice"],
    "user show": ["alice"],
    "user unlock": ["alice"],
}
# These make a database where there is none, or need none.
OTHERS = {"serve", "migrate", "healthcheck", "config check", "config show", "breached build", "breached show", "breached check", "calibrate"}


def command(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    """Runs the program in a folder, with a database whose path is mistyped."""
    # Development's settings, as where nothing is set but the path.
    environment = {"PATH": "/usr/bin:/bin", "DATABASE_URL": "sqlite://datta/countersign.db"}
    return subprocess.run([BINARY, *arguments], cwd=folder, env=environment, input="", capture_output=True, text=True, timeout=60)


def subcommands(folder: Path, *above: str) -> set[str]:
    """All commands of the program, by its help."""
    listed = command(folder, *above, "--help").stdout.partition("\nCommands:\n")[2].partition("\n\n")[0]
    names = [name for name in re.findall(r"^  ([a-z0-9-]+)", listed, re.MULTILINE) if name != "help"]
    return set().union(*(subcommands(folder, *above, name) for name in names)) if names else {" ".join(above)}


def test_no_command_is_forgotten_here(tmp_path):
    assert subcommands(tmp_path) == set(COMMANDS) | OTHERS


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_on_a_mistyped_path_makes_no_file(name, tmp_path):
    users = tmp_path / "users.jsonl"
    if name == "import":
        users.write_text('{"username": "alice", "email": "alice@example.com"}\n')
    before = sorted(tmp_path.rglob("*"))
    done = command(tmp_path, *name.split(), *COMMANDS[name])
    print(done.stderr)
    assert done.returncode == 1 and f"there is no database at {tmp_path}/datta/countersign.db" in done.stderr
    assert sorted(tmp_path.rglob("*")) == before


def test_a_restore_of_a_mistyped_back_up_makes_no_file(tmp_path):
    done = command(tmp_path, "restore", "missing.db")
    print(done.stderr)
    assert done.returncode == 1 and "missing.db: No such file" in done.stderr
    assert not list(tmp_path.iterdir())


def handled(server: Countersign) -> dict[str, int]:
    """How many calls of GetJwks ended with which code, as the server counts them."""
    with urllib.request.urlopen(f"{server.http}/metrics", timeout=10) as answer:
        rows = re.findall(r'^grpc_server_handled_total{.*grpc_method="GetJwks",grpc_code="(\w+)"} (\d+)$', answer.read().decode(), re.MULTILINE)
    return {code: int(count) for code, count in rows}


def test_a_head_that_is_too_large_is_the_callers_fault(server):
    """Up to 16 KiB is taken. Up to 128 KiB the service says what is wrong; beyond that HTTP/2 does, without our words."""
    from auth.v1 import token_service_pb2 as tokens
    from auth.v1 import token_service_pb2_grpc
    from google.rpc import error_details_pb2
    from grpc_status import rpc_status

    def call(kilobytes: int) -> grpc.RpcError | None:
        metadata = [(f"x-large-{number}", "a" * 900) for number in range(kilobytes)]
        with server.channel() as channel:
            stub = token_service_pb2_grpc.TokenServiceStub(channel)
            try:
                stub.GetJwks(tokens.GetJwksRequest(), timeout=20, metadata=metadata)
            except grpc.RpcError as error:
                print(f"{kilobytes} KB: {error.code().name}, {error.details()}")
                return error

    assert call(14) is None
    for kilobytes in (17, 120):
        error = call(kilobytes)
        details = {detail.type_url.rpartition(".")[2]: detail for detail in rpc_status.from_call(error).details}
        info, request = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
        assert details["ErrorInfo"].Unpack(info) and details["BadRequest"].Unpack(request)
        assert (error.code(), info.reason, request.field_violations[0].field) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD", "metadata")
    # The answer's status 431, or the reset that follows it.
    assert call(140).code() in (grpc.StatusCode.UNKNOWN, grpc.StatusCode.INTERNAL)
    # Beyond that the connection ends: what else was on it has to be called again.
    assert call(1000).code() is grpc.StatusCode.UNAVAILABLE
    assert call(14) is None
    assert handled(server) == {"OK": 2, "INVALID_ARGUMENT": 2}
