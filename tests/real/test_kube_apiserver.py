"""kube-apiserver as a verifier of our tokens: its own authenticator, with the guide's AuthenticationConfiguration."""

import json
import ssl
import subprocess
import textwrap
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import guides
from countersign import BINARY
from issuer import SecureIssuer, part
from languages import HERE, ISSUER, Talker, installed
from oauth import CLIENT_CREDENTIALS, FORM, basic, create
from programs import running, wait_until
from test_verifiers import forgeries, kid

AUDIENCE = "kubernetes"
# Seconds after which it fetches the key set again: what the key set's `max-age` says, less thirty that its library takes off.
KEPT = 300 - 30
SLACK = 15


@pytest.fixture(scope="module")
def program() -> Path:
    """Compiled once for each version of its files; the first time takes minutes."""
    sources = [HERE / "go/kubernetes" / name for name in ("main.go", "go.mod", "go.sum")]
    return installed("kube-apiserver", sources, ["env", "CGO_ENABLED=0", "go", "build", "-o", "program", "."]) / "program"


@pytest.fixture
def api_server(tmp_path, program, run) -> Callable[..., Talker]:
    """The authenticator for a server of ours, as soon as it has our metadata."""

    def start(server: SecureIssuer, *algorithms: str, **changes: str) -> Talker:
        authority = textwrap.indent(server.authority.chain.read_text(), " " * 8)
        replacements = {f"url: {ISSUER}": f"url: {server.url}\n      certificateAuthority: |\n{authority}"}
        folder = tmp_path / "-".join(["authenticator", *algorithms])
        folder.mkdir()
        guides.write("kube-apiserver", folder, replacements | changes)
        talker = run(Talker("kube-apiserver", [program, "authentication.yaml", *algorithms], folder))
        assert talker.answer() == {}
        return talker

    return start


@dataclass
class Issued:
    """Tokens that one service has signed with one key."""

    server: SecureIssuer
    another_issuer: str
    expired: str


def started_as(server: SecureIssuer, **settings: str) -> SecureIssuer:
    server.environment |= settings
    return server


@pytest.fixture(scope="module")
def issued(stubs, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Issued]:
    server = SecureIssuer(tmp_path_factory.mktemp("issuer"), COUNTERSIGN_AUDIENCE=f"countersign,{AUDIENCE}")
    ours = server.environment.copy()
    with running(started_as(server, COUNTERSIGN_ISSUER="https://issuer.example")):
        another_issuer = server.token(AUDIENCE)
    with running(started_as(server, **ours | {"COUNTERSIGN_ACCESS_TOKEN_TTL": "1s"})):
        expired = server.token(AUDIENCE)
    server.environment = ours
    with running(server):
        server.token()
        command = [BINARY, "user", "set", "alice", "--role", "admin"]
        subprocess.run(command, cwd=server.folder, env=server.environment, check=True, capture_output=True)
        yield Issued(server, another_issuer, expired)


def fetch(server: SecureIssuer, path: str, form: dict | None = None, **headers: str) -> dict:
    body = form and urllib.parse.urlencode(form).encode()
    request = urllib.request.Request(server.url + path, body, headers | ({"content-type": FORM} if form else {}))
    with urllib.request.urlopen(request, timeout=10, context=ssl.create_default_context(cafile=server.authority.chain)) as answer:
        return json.load(answer)


def refused(talker: Talker, token: str) -> str:
    answer = talker.ask(token=token)
    assert "refused" in answer, answer
    return answer["refused"]


def test_a_user_has_the_groups_of_the_roles_and_nobody_else_gets_in(issued, api_server):
    server, talker = issued.server, api_server(issued.server)
    token = server.token(AUDIENCE)
    claims = part(token.split(".")[1])
    answer = talker.ask(token=token)
    print(answer)
    name = f"countersign:{claims['sub']}"
    assert (answer["user"], answer["uid"], answer["groups"]) == (name, claims["sub"], ["countersign:admin"])
    account = create(server, "orders", "--grant-scope", "orders.read", "--grant-audience", AUDIENCE)
    form = {"grant_type": CLIENT_CREDENTIALS, "audience": AUDIENCE}
    bad = forgeries(token, fetch(server, "/.well-known/jwks.json")) | {
        "no token": "x",
        "another issuer": issued.another_issuer,
        "another audience": server.token("countersign"),
        "a service's": fetch(server, "/oauth2/token", form, authorization=basic(account.id, account.key))["access_token"],
    }
    end = part(issued.expired.split(".")[1])["exp"]
    wait_until("the token has ended", lambda: time.time() > end)
    bad["an expired one"] = issued.expired
    for what, forged in bad.items():
        print(f"{what}: {refused(talker, forged)}")
    # It was not for want of keys that it refused.
    assert talker.ask(token=token)["user"] == name


def test_the_flags_take_rs256_alone_unless_told(issued, api_server):
    token = issued.server.token(AUDIENCE)
    said = refused(api_server(issued.server, "RS256"), token)
    print(said)
    assert 'expected ["RS256"] got "ES256"' in said
    assert "user" in api_server(issued.server, "ES256").ask(token=token)


def rotated(server: SecureIssuer, old: str, *options: str) -> str:
    """A token of the new key."""
    server.rotate(*options)
    return wait_until("the new key signs", lambda: (token := server.token(AUDIENCE)) and kid(token) != kid(old) and token)


@pytest.mark.parametrize("options", [(), ("--revoke-current",)], ids=["rotated", "withdrawn"])
def test_a_new_key_waits_for_the_next_fetch(options, tmp_path, run, api_server):
    """Nearly all of its four and a half minutes is waiting."""
    server = run(SecureIssuer(tmp_path, COUNTERSIGN_AUDIENCE=AUDIENCE, COUNTERSIGN_ACCESS_TOKEN_TTL="1h"))
    old, talker = server.token(AUDIENCE), api_server(server)
    assert "user" in talker.ask(token=old)
    begun = time.monotonic()
    new = rotated(server, old, *options)

    def takes_new() -> bool:
        # Of a key that has left the set as well, as long as it has not fetched it again.
        assert "user" in talker.ask(token=old)
        time.sleep(1)
        return "user" in talker.ask(token=new)

    wait_until("it takes the new key", takes_new, KEPT + SLACK)
    after = time.monotonic() - begun
    answer = talker.ask(token=old)
    print(f"takes the new key after {after:.0f} s; and then of the old one: {answer}")
    assert after > KEPT - SLACK
    assert ("user" in answer) == (not options)
