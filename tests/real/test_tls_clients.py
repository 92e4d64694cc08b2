"""gRPC clients of four languages with TLS and certificates of their own, as docs/guides/tls-clients.md shows them, and grpcurl.

Requests to a client: {"target", "authority", "certificate", "key": files, or "" for none, "token"}: to introspect the token. It
answers {"active": …} or {"error": the code, "message"}. Requests with the same files share a channel.
"""

import json
import os
import re
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from google.rpc import error_details_pb2

from certificates import Authority, Certificate
from countersign import ROOT
from issuer import SecureIssuer
from languages import LANGUAGES, Talker, guide
from programs import free_port, running, wait_until

POLICY = "spiffe://example.org/ns/*/sa/orders = introspect; anyone = register"
# Compiling the generated code takes Java longest.
each = pytest.mark.parametrize("language", [pytest.param(name, marks=[pytest.mark.short] if name != "java" else []) for name in LANGUAGES])


def code(answer: dict) -> str:
    """As gRPC has it: grpc-go writes it in a way of its own."""
    assert "error" in answer, answer
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", answer["error"]).upper()


class MutualTls(SecureIssuer):
    """Asks each caller for a certificate of `clients`."""

    def __init__(self, folder: Path):
        self.clients = Authority(folder / "clients", "clients")
        super().__init__(
            folder, COUNTERSIGN_GRPC_ADDR=f"127.0.0.1:{free_port()}", COUNTERSIGN_TLS_CLIENT_CA=str(self.clients.chain),
            COUNTERSIGN_TLS_CLIENT_AUTH="required", COUNTERSIGN_CALLERS=POLICY,
        )  # fmt: skip
        self.certificate = self.orders = self.clients.issue("orders", "URI:spiffe://example.org/ns/shop/sa/orders")
        self.gateway = self.clients.issue("gateway", "DNS:gateway.internal")


@dataclass(frozen=True)
class Setting:
    server: MutualTls
    token: str
    stranger: Authority

    def request(self, certificate: Certificate | None, authority: Authority | None = None) -> dict[str, str]:
        files = {"certificate": str(certificate.chain), "key": str(certificate.key)} if certificate else {"certificate": "", "key": ""}
        chain = (authority or self.server.authority).chain
        return {"target": self.server.target, "authority": str(chain), "token": self.token} | files


@pytest.fixture(scope="module")
def setting(stubs, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setting]:
    folder = tmp_path_factory.mktemp("server")
    with running(MutualTls(folder)) as server:
        yield Setting(server, server.token(), Authority(folder / "stranger", "clients"))


def client(language: str, folder: Path, **changes: str) -> Talker:
    return guide("tls-clients", language, folder / language, changes).tls(folder / language)


@each
def test_a_certificate_is_asked_for_and_says_who_calls(language, setting, tmp_path, run):
    talker = run(client(language, tmp_path))
    server, stranger = setting.server, setting.stranger
    assert talker.ask(**setting.request(server.orders)) == {"active": True}
    refused = {
        "no permission": (setting.request(server.gateway), "PERMISSION_DENIED"),
        "no certificate": (setting.request(None), "UNAVAILABLE"),
        "a certificate of another authority of the same name": (
            setting.request(stranger.issue(language, "URI:spiffe://example.org/ns/shop/sa/orders")), "UNAVAILABLE"),
        "an authority that is not the server's": (setting.request(server.orders, stranger), "UNAVAILABLE"),
    }  # fmt: skip
    for what, (request, expected) in refused.items():
        answer = talker.ask(**request)
        print(f"{language}, {what}: {answer}")
        assert code(answer) == expected, what
    assert talker.ask(**setting.request(server.orders)) == {"active": True}


@pytest.mark.short
def test_grpcurl(setting):
    subprocess.run(["scripts/tools", "grpcurl"], cwd=ROOT, check=True)
    server = setting.server
    # The second file is for the details of errors.
    rpc = Path(error_details_pb2.__file__).with_name("error_details.proto")
    protos = ["-import-path", ROOT / "proto", "-import-path", ROOT / "third_party/protovalidate", "-import-path", rpc.parents[2],
              "-proto", "auth/v1/token_service.proto", "-proto", "google/rpc/error_details.proto"]
    tool = [ROOT / ".tools/bin/grpcurl", *protos, "-max-time", "10"]

    def introspect(*options: object) -> subprocess.CompletedProcess:
        data = ["-d", json.dumps({"token": setting.token}), server.target, "auth.v1.TokenService/IntrospectToken"]
        return subprocess.run(list(map(str, [*tool, *options, *data])), capture_output=True, text=True, timeout=60)

    def pair(certificate: Certificate) -> list[object]:
        return ["-cert", certificate.chain, "-key", certificate.key]

    known = ["-cacert", server.authority.chain]
    done = introspect(*known, *pair(server.orders))
    assert json.loads(done.stdout)["active"] is True, done.stderr
    done = introspect(*known, *pair(server.gateway))
    print(done.stderr)
    # The missing permission is in the details.
    assert "PermissionDenied" in done.stderr and '"permission": "introspect"' in done.stderr
    for options in (known, pair(server.orders), [], ["-plaintext"], [*known, *pair(setting.stranger.issue("grpcurl", "DNS:orders"))]):
        done = introspect(*options)
        print(options, done.stderr)
        assert done.returncode != 0


def replace(certificate: Certificate, by: Certificate) -> None:
    """As tools that renew do it: each file is renamed over the old one."""
    os.replace(by.key, certificate.key)
    os.replace(by.chain, certificate.chain)


# After how many seconds it shows the new one; Python and Node keep what they were started with. grpc-java looks at its files once
# a minute: it takes no shorter interval.
@pytest.mark.parametrize(("language", "after"), [("go", 0), ("java", 65), ("python", None), ("node", None)])
def test_who_follows_a_renewed_certificate(language, after, tmp_path, run):
    """That it is another certificate is seen by what it may do."""
    server = run(MutualTls(tmp_path))
    talker = run(client(language, tmp_path))
    own = server.clients.issue("own", "URI:spiffe://example.org/ns/shop/sa/orders")
    request = Setting(server, server.token(), server.clients).request(own)
    assert talker.ask(**request) == {"active": True}
    replace(own, server.clients.issue("next", "DNS:gateway.internal"))
    time.sleep(after or 0)
    # So that it connects again.
    assert server.stop() == 0
    server.start()
    answer = wait_until("it is connected", lambda: (answer := talker.ask(**request)).get("error", "").upper() != "UNAVAILABLE" and answer)
    print(language, answer)
    if after is None:
        assert answer == {"active": True}
    else:
        assert code(answer) == "PERMISSION_DENIED"
