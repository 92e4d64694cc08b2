"""Clients of others over HTTP, each with the whole flow: register, log in, verify the code, read, refresh, log out."""

import re
import subprocess
import time
import uuid

import grpc
import pytest

import guides
from countersign import PASSWORD, Countersign
from programs import free_port, running
from proxies import NGINX, Proxy
from web_clients import Buf, Curl, Tools

short = pytest.mark.short

CONNECT = [f"connect-es {library} connect {form}" for library in ("web", "node") for form in ("json", "binary")]
BEHIND_NGINX = ["nginx connect", "nginx grpc-web"]
LIBRARIES = ["guide", *CONNECT, "connect-es web grpc-web binary", "connect-es node grpc-web binary", "grpc-web text", *BEHIND_NGINX]
BUF_CURL = ["buf connect", "buf grpcweb", "buf grpc", "buf reflection"]
# In binary, grpc-web hands a stream over at its end, and the others have no streams.
CLIENTS = ["curl", *BUF_CURL, *LIBRARIES, "grpc-web binary", "openapi python", "openapi typescript"]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("server")
    with running(Countersign(folder, f"sqlite://{folder}/countersign.db", COUNTERSIGN_BCRYPT_COST="10")) as server:
        yield server


@pytest.fixture(scope="module")
def tools(tmp_path_factory, server) -> Tools:
    return Tools(tmp_path_factory.mktemp("clients"), server.http)


@pytest.fixture
def client(request, tools, server, run):
    kind, *words = request.param.split()
    match kind:
        case "curl":
            return Curl(server.http)
        case "buf":
            return Buf(tools, run, words[0], server)
        case "guide":
            return run(tools.node("connect.mjs"))
        case "connect-es":
            return run(tools.node("connect.mjs", *words))
        case "nginx":
            return run(tools.node("connect.mjs", "web", words[0], "binary", url=request.getfixturevalue("nginx")))
        case "grpc-web":
            return run(tools.node("grpc_web.mjs", *words))
        case "openapi":
            return run(tools.openapi(words[0]))


@pytest.fixture
def nginx(tmp_path, server, run) -> str:
    """The URL of the guide's nginx, without its TLS."""
    port = free_port()
    text = guides.files("web")["web.conf"]
    replacements = {
        "listen 443 ssl http2;": f"listen 127.0.0.1:{port};",
        "    ssl_certificate /etc/nginx/cert.pem;\n": "",
        "    ssl_certificate_key /etc/nginx/key.pem;\n": "",
        "10.0.0.11:8080": server.http.removeprefix("http://"),
        "    server 10.0.0.12:8080;\n": "",
        # The tests follow revocations through it, too.
        "location ~ ^/(auth\\.v1\\.(AuthService|AccountService)/": "location ~ ^/(auth\\.v1\\.",
    }
    for old, new in replacements.items():
        assert old in text, old
        text = text.replace(old, new)
    (tmp_path / "countersign.conf").write_text(text)
    (tmp_path / "nginx.conf").write_text(NGINX)
    (tmp_path / "temporary").mkdir()
    proxy = Proxy("nginx", ["nginx", "-p", tmp_path, "-e", "stderr", "-c", tmp_path / "nginx.conf", "-g", "daemon off;"], tmp_path)
    proxy.port = port
    run(proxy)
    return f"http://127.0.0.1:{port}"


def error(answer: dict) -> tuple[str, str]:
    """Code and reason. Statuses in JSON have the number of the code."""
    assert "error" in answer, answer
    code = answer["error"]["code"]
    names = {status.value[0]: status.name for status in grpc.StatusCode}
    return names.get(code, code), answer["error"].get("reason")


def registered(client, server: Countersign) -> dict:
    """The tokens of a new user, who has logged in with a second factor."""
    name = f"user-{uuid.uuid4().hex[:12]}"
    user = {"username": name, "email": f"{name}@example.com", "password": PASSWORD, "twoFactor": True}
    assert client.call("AuthService.Register", user)["user"]["twoFactorEnabled"]
    assert error(client.call("AuthService.Register", user)) == ("ALREADY_EXISTS", "USERNAME_TAKEN")

    wrong = {"username": name, "password": "a wrong password"}
    assert error(client.call("AuthService.Login", wrong)) == ("UNAUTHENTICATED", "INVALID_CREDENTIALS")
    challenge = client.call("AuthService.Login", {"username": name, "password": PASSWORD})["challenge"]
    proof = {"challengeId": challenge["challengeId"], "otpCode": server.code_for(name)}
    tokens = client.call("AuthService.Verify2FA", proof)["tokens"]
    # A number of 64 bits is a text.
    assert tokens["expiresIn"] == "900"
    return tokens


@short
@pytest.mark.parametrize("client", CLIENTS, indirect=True)
def test_the_whole_flow(client, server):
    tokens = registered(client, server)
    me = client.call("AccountService.GetMe", {}, tokens["accessToken"])["user"]
    assert me["twoFactorEnabled"]
    assert error(client.call("AccountService.GetMe", {})) == ("UNAUTHENTICATED", "TOKEN_INVALID")
    sessions = client.call("AccountService.ListSessions", {}, tokens["accessToken"])["sessions"]
    assert [session["id"] for session in sessions] == [tokens["sessionId"]]

    next_tokens = client.call("AuthService.RefreshToken", {"refreshToken": tokens["refreshToken"]})["tokens"]
    assert client.call("AuthService.Logout", {"refreshToken": next_tokens["refreshToken"]}) == {}
    refused = client.call("AccountService.GetMe", {}, next_tokens["accessToken"])
    assert error(refused) == ("UNAUTHENTICATED", "TOKEN_INVALID")


@short
@pytest.mark.parametrize("client", [*BUF_CURL, *LIBRARIES], indirect=True)
def test_a_stream_tells_of_a_logout(client, server):
    client.watch()
    # What was revoked before comes at once. After that there is nothing but a cursor, and it waits.
    while "revocation" in client.heard():
        pass
    tokens = registered(Curl(server.http), server)
    Curl(server.http).call("AuthService.Logout", {"refreshToken": tokens["refreshToken"]})
    # Between them may be heartbeats.
    while client.heard().get("revocation", {}).get("sessionId") != tokens["sessionId"]:
        pass
    client.end_watch()


@pytest.mark.parametrize("client", ["guide", "grpc-web text"], indirect=True)
def test_a_stream_outlives_an_idle_connection(client):
    """Between its heartbeats nothing is asked for; such a connection ends after 75 s."""
    client.watch()
    begun = time.monotonic()
    while time.monotonic() < begun + 85:
        assert "cursor" in client.heard()
    client.end_watch()


@short
@pytest.mark.parametrize("client", LIBRARIES, indirect=True)
def test_calls_that_are_refused_leave_the_connection_good(client):
    """They are refused before their body is read; it may come later than the answer goes."""
    for _ in range(100):
        assert error(client.call("AccountService.GetMe", {})) == ("UNAUTHENTICATED", "TOKEN_INVALID")


@short
@pytest.mark.parametrize("client", LIBRARIES, indirect=True)
def test_a_deadline_ends_a_stream(client):
    client.watch(timeout_ms=300)
    while "error" not in (last := client.heard()):
        assert "cursor" in last
    assert last["error"]["code"] == "DEADLINE_EXCEEDED"


@short
@pytest.mark.parametrize("client", CONNECT, indirect=True)
def test_what_has_no_side_effects_comes_by_get(client, server):
    tokens = registered(client, server)
    seen = len(server.events())
    client.call("AccountService.GetMe", {}, tokens["accessToken"])
    client.call("AuthService.Logout", {"refreshToken": tokens["refreshToken"]})
    assert methods(server, seen) == [("GET", "GetMe"), ("POST", "Logout")]


def methods(server: Countersign, since: int) -> list[tuple[str, str]]:
    """The calls that came over HTTP, by HTTP's method."""
    calls = [event for event in server.events()[since:] if event.get("message") == "rpc"]
    return [(event["spans"][0]["method"], event["method"]) for event in calls]


def shell(name: str, server: Countersign, **values: str) -> str:
    """What a block of the guide prints, run as a reader would, with the values that are the reader's to fill in."""
    text = guides.files("web")[name].replace("http://localhost:8080", server.http)
    for variable, value in values.items():
        text, count = re.subn(rf"^{variable}=.*$", f"{variable}='{value}'", text, flags=re.MULTILINE)
        assert count == 1, f"{name} does not set {variable}"
    return subprocess.run(["bash", "-euc", text], capture_output=True, text=True, check=True, timeout=60).stdout


def found(name: str, text: str) -> str:
    return re.search(rf'"{name}":"([^"]+)"', text)[1]


@short
def test_the_commands_of_the_guide(server):
    challenge = found("challengeId", shell("register.sh", server))
    tokens = shell("verify.sh", server, CHALLENGE=challenge, CODE=server.code_for("ada"))
    answers = shell("session.sh", server, TOKEN=found("accessToken", tokens), REFRESH=found("refreshToken", tokens))
    assert found("username", answers) == "ada"
    assert answers.endswith("{}")
