"""The verifiers that the guides show, each as a process that lives on: which tokens they take, and how they follow our keys."""

import base64
import hashlib
import hmac
import http.server
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from issuer import Issuer, part
from languages import ISSUER, Talker, guide
from oauth import CLIENT_CREDENTIALS, Account, basic, create, post
from programs import running, wait_until

# Seconds in which a verifier that fetches an unknown key at once has it.
AT_ONCE = 3


@dataclass(frozen=True)
class Verifier:
    """What docs/verifiers.md says of one."""

    language: str
    name: str
    # Until when a token is taken after its end, as the guide has set it up.
    tolerance: int = 5
    # What of the guide gives it a tolerance, and what it says without; none where that is not by the guide's choice.
    leeway: tuple[str, str] | None = None
    # What of the guide says how often it fetches, where it does so only by time, and an interval that a test can wait for.
    interval: tuple[str, str] | None = None
    # How long tokens of a new key are refused.
    new_key: int = AT_ONCE
    # Whether it keeps a key that has left the set although it has seen another.
    keeps_old: bool = False
    # Whether a token without `typ`, or with another, is refused.
    wrong_typ: bool = True
    no_typ: bool = True
    short: bool = False

    def __str__(self) -> str:
        return self.name


VERIFIERS = [
    Verifier("node", "verify-jose", leeway=("clockTolerance: 5,", ""), new_key=30, short=True),
    Verifier("node", "verify-express", leeway=("clockTolerance: 5,", ""), new_key=30),
    Verifier("node", "verify-jsonwebtoken", leeway=("clockTolerance: 5,", ""), keeps_old=True),
    Verifier("node", "verify-fast-jwt", leeway=("clockTolerance: 5_000,", ""), keeps_old=True),
    Verifier("python", "verify_pyjwt", leeway=("leeway=5,", ""), new_key=30, short=True),
    Verifier("python", "verify_joserfc", leeway=("leeway=5,", ""), new_key=10),
    Verifier("python", "verify_authlib", tolerance=0, new_key=10, no_typ=False),
    Verifier("python", "verify_python_jose", leeway=(' | {"leeway": 5}', ""), new_key=10),
    Verifier("go", "verify_keyfunc", leeway=("5*time.Second", "0*time.Second"), short=True),
    Verifier("go", "verify_oidc", tolerance=0, wrong_typ=False, no_typ=False),
    Verifier("go", "verify_jwx", leeway=("5*time.Second", "0*time.Second"), wrong_typ=False, no_typ=False,
             interval=("5*time.Minute", "6*time.Second"), new_key=6),  # fmt: skip
    Verifier("go", "verify_zitadel", tolerance=0, wrong_typ=False, no_typ=False),
    Verifier("go", "verify_go_jwt_middleware", leeway=("5*time.Second", "0*time.Second"), wrong_typ=False, no_typ=False,
             interval=("5*time.Minute", "6*time.Second"), new_key=6),  # fmt: skip
    Verifier("java", "SpringVerifier", tolerance=60),
    Verifier("java", "NimbusVerifier", leeway=("setMaxClockSkew(5)", "setMaxClockSkew(0)"), short=True),
    Verifier("java", "Jose4jVerifier", leeway=("Seconds(5)", "Seconds(0)")),
    Verifier("java", "JavaJwtVerifier", leeway=("acceptLeeway(5)", "acceptLeeway(0)"), keeps_old=True),
    Verifier("php", "verify_php_jwt", leeway=("JWT::$leeway = 5", "JWT::$leeway = 0"), short=True),
    Verifier("ruby", "verify_ruby_jwt", leeway=("leeway: 5,", "leeway: 0,"), new_key=10, short=True),
]
every_verifier = pytest.mark.parametrize(
    "verifier", [pytest.param(v, id=v.name, marks=[pytest.mark.short] if v.short else []) for v in VERIFIERS]
)


def encoded(value: dict | bytes) -> str:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def kid(token: str) -> str:
    return part(token.split(".")[0])["kid"]


def forgeries(token: str, jwks: dict) -> dict[str, str]:
    """Tokens that nobody with our key has made."""
    header, payload, signature = token.split(".")
    stranger = ec.generate_private_key(ec.SECP256R1())
    claims, head = part(payload), part(header)
    ours = next(key for key in jwks["keys"] if key["kid"] == head["kid"])
    public = jwt.PyJWK(ours).key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    symmetric = f"{encoded(head | {'alg': 'HS256'})}.{payload}"
    its_own = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(stranger.public_key()))
    changed = signature[:10] + ("B" if signature[10] == "A" else "A") + signature[11:]
    return {
        "a changed signature": f"{header}.{payload}.{changed}",
        "changed claims": f"{header}.{encoded(claims | {'roles': ['admin']})}.{signature}",
        "alg none": f"{encoded(head | {'alg': 'none'})}.{payload}.",
        "alg none with the signature": f"{encoded(head | {'alg': 'none'})}.{payload}.{signature}",
        "HS256 with the public key as secret": f"{symmetric}.{encoded(hmac.digest(public, symmetric.encode(), hashlib.sha256))}",
        "signed by a stranger": jwt.encode(claims, stranger, "ES256", head),
        "signed by a stranger, with the key inside": jwt.encode(claims, stranger, "ES256", head | {"jwk": its_own}),
        "a key that there is not": jwt.encode(claims, stranger, "ES256", head | {"kid": "01a20c4a-0429-7775-a845-ad388fc19430"}),
    }


def key_set(url: str) -> dict:
    import urllib.request

    with urllib.request.urlopen(f"{url}/.well-known/jwks.json", timeout=10) as answer:
        return json.load(answer)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Talker]:
    """Builds verifiers, each guide once for each issuer and tolerance."""
    built: dict[tuple, tuple] = {}
    programs: dict[tuple, Talker] = {}

    def build(verifier: Verifier, url: str, *others: tuple[str, str]) -> Talker:
        replacements = {ISSUER: url} | dict(others)
        place = (verifier.language, *sorted(replacements.items()))
        if place not in built:
            folder = tmp_path_factory.mktemp(verifier.language)
            built[place] = folder, guide(f"verify-{verifier.language}", verifier.language, folder, replacements)
        folder, language = built[place]
        if (*place, verifier) not in programs:
            programs[*place, verifier] = language.verifier(folder, verifier.name)
        return programs[*place, verifier]

    return build


@pytest.fixture
def started(folders, run) -> Callable[..., Talker]:
    return lambda *arguments: run(folders(*arguments))


@dataclass
class Issued:
    """Tokens that one service has signed with one key."""

    server: Issuer
    another_issuer: str
    expired: str
    another_audience: str


@pytest.fixture(scope="module")
def issued(stubs, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Issued]:
    folder = tmp_path_factory.mktemp("issuer")
    with running(Issuer(folder, COUNTERSIGN_ISSUER="https://issuer.example")) as server:
        another_issuer = server.token()
    with running(Issuer(folder, COUNTERSIGN_ACCESS_TOKEN_TTL="1s")) as server:
        expired = server.token()
        url, port = server.url, server.port
    with running(Issuer(folder, COUNTERSIGN_ISSUER=url, COUNTERSIGN_HTTP_ADDR=f"127.0.0.1:{port}")) as server:
        server.url = url
        tokens = Issued(server, another_issuer, expired, server.token("another"))
        assert {kid(token) for token in (another_issuer, expired, tokens.another_audience)} == {kid(server.token())}
        yield tokens


@pytest.fixture(scope="module")
def service(issued) -> Account:
    return create(issued.server, "orders", "--grant-scope", "orders.read", "--grant-audience", "countersign")


def refused(talker: Talker, token: str) -> str:
    answer = talker.ask(token=token)
    assert "refused" in answer, f"{talker.name} accepts {answer}"
    return answer["refused"]


def accepted(talker: Talker, token: str) -> dict:
    answer = talker.ask(token=token)
    assert "claims" in answer, f"{talker.name}: {answer}"
    claims = answer["claims"]
    assert (claims["sub"], claims["preferred_username"]) == (part(token.split(".")[1])["sub"], "alice")
    return claims


@every_verifier
def test_it_takes_our_tokens_and_no_others(verifier, issued, started):
    talker = started(verifier, issued.server.url)
    token = issued.server.token()
    assert "roles" not in part(token.split(".")[1])
    accepted(talker, token)
    bad = forgeries(token, key_set(issued.server.url)) | {
        "no token": "x",
        "another issuer": issued.another_issuer,
        "another audience": issued.another_audience,
    }
    if verifier.tolerance <= 5:
        end = part(issued.expired.split(".")[1])["exp"] + verifier.tolerance
        wait_until("the token has ended", lambda: time.time() > end + 1)
        bad["an expired one"] = issued.expired
    for what, forged in bad.items():
        print(f"{verifier}, {what}: {refused(talker, forged)}")
    # It was not for want of keys that it refused.
    accepted(talker, token)


@pytest.mark.parametrize("verifier", [pytest.param(v, id=v.name) for v in VERIFIERS])
def test_it_takes_a_services_token(verifier, issued, service, started):
    """Which has no claims of a user: `sub` is the account, and `client_id` the same."""
    talker = started(verifier, issued.server.url)
    form = {"grant_type": CLIENT_CREDENTIALS, "audience": "countersign"}
    answer = post(f"{issued.server.url}/oauth2/token", form, authorization=basic(service.id, service.key))
    token = answer.json["access_token"]
    answer = talker.ask(token=token)
    print(verifier, answer)
    assert answer["claims"]["sub"] == service.id and answer["claims"].get("preferred_username") is None
    for what, forged in forgeries(token, key_set(issued.server.url)).items():
        print(f"{verifier}, {what}: {refused(talker, forged)}")


@pytest.mark.parametrize("verifier", [pytest.param(v, id=v.name) for v in VERIFIERS if v.leeway or not v.tolerance])
def test_it_takes_a_token_at_once_without_a_leeway(verifier, issued, started):
    talker = started(verifier, issued.server.url, *filter(None, [verifier.leeway]))
    accepted(talker, issued.server.token())
    for _ in range(10):
        accepted(talker, issued.server.token())


class Maker:
    """Publishes a key as the service does, and signs whatever the test wants with it."""

    def __init__(self):
        self.key = ec.generate_private_key(ec.SECP256R1())
        published = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(self.key.public_key())) | {"kid": "test", "alg": "ES256", "use": "sig"}
        body = json.dumps({"keys": [published]}).encode()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                assert self.path == "/.well-known/jwks.json"
                self.send_response(200)
                self.send_header("content-type", "application/jwk-set+json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def token(self, header: dict | None = None, **claims: object) -> str:
        """A token like ours, but for these; None leaves a claim out."""
        end = claims.get("exp") or int(time.time()) + 900
        usual = {
            "iss": self.url, "sub": "01a20c4a-08fb-708b-81a8-afd274038121", "aud": "countersign", "exp": end, "iat": end - 905,
            "jti": "01a20c4a-7f82-7513-b8f9-e5d99151638b", "client_id": "countersign", "amr": ["pwd"], "auth_time": end - 905,
            "preferred_username": "alice",
        }  # fmt: skip
        payload = {name: value for name, value in (usual | claims).items() if value is not None}
        return jwt.encode(payload, self.key, "ES256", {"typ": "at+jwt", "kid": "test"} | (header or {}))


@pytest.fixture(scope="module")
def maker() -> Iterator[Maker]:
    maker = Maker()
    yield maker
    maker.server.shutdown()
    maker.server.server_close()


@pytest.mark.parametrize("verifier", [pytest.param(v, id=v.name) for v in VERIFIERS])
def test_it_looks_at_times_and_types(verifier, maker, started):
    talker = started(verifier, maker.url)
    now = int(time.time())
    accepted(talker, maker.token())
    accepted(talker, maker.token(roles=["admin"]))
    accepted(talker, maker.token(aud=["another", "countersign"]))
    ends = {"it has ended": maker.token(exp=now - verifier.tolerance - 2), "it has no end": maker.token(exp=None)}
    types = {"typ is JWT": (maker.token({"typ": "JWT"}), verifier.wrong_typ), "there is no typ": (maker.token({"typ": None}), verifier.no_typ)}
    for what, token in ends.items():
        print(f"{verifier}, {what}: {refused(talker, token)}")
    if verifier.tolerance:
        accepted(talker, maker.token(exp=int(time.time()) - 1))
    for what, (token, is_refused) in types.items():
        answer = talker.ask(token=token)
        print(f"{verifier}, {what}: {answer}")
        assert ("refused" in answer) == is_refused
    # A replica's clock may be ahead: our tokens are dated five seconds early, and a clock that is off by more is an alarm.
    accepted(talker, maker.token(iat=int(time.time())))


def until_accepted(verifiers: dict[Verifier, Talker], token: str) -> dict[Verifier, float]:
    """After how many seconds each has taken this token."""
    begun, seen = time.monotonic(), {}

    def all_have() -> bool:
        for verifier, talker in verifiers.items():
            if verifier not in seen and "claims" in talker.ask(token=token):
                seen[verifier] = time.monotonic() - begun
        # Not a busy loop: every question of theirs may be one to the server.
        time.sleep(0.5)
        return len(seen) == len(verifiers)

    wait_until("all verifiers take the new key", all_have, 60)
    for verifier in verifiers:
        print(f"{verifier}: takes the new key after {seen[verifier]:.1f} s")
    return seen


def in_time(seen: dict[Verifier, float]) -> None:
    late = {v.name: round(after, 1) for v, after in seen.items() if after > v.new_key + AT_ONCE}
    assert not late, f"later than docs/verifiers.md says: {late}"


@pytest.fixture
def followers(tmp_path, folders, run) -> tuple[Issuer, dict[Verifier, Talker], str]:
    """A service, every verifier with its key set, and a token that all of them have taken."""
    server = run(Issuer(tmp_path))
    token = server.token()
    talkers = {verifier: run(folders(verifier, server.url, *filter(None, [verifier.interval]))) for verifier in VERIFIERS}
    for talker in talkers.values():
        accepted(talker, token)
    return server, talkers, token


def test_keys_that_are_rotated_at_once_are_followed(followers):
    server, talkers, old = followers
    server.rotate()
    new = wait_until("the new key signs", lambda: (token := server.token()) and kid(token) != kid(old) and token)
    in_time(until_accepted(talkers, new))
    # The old key is still in the set.
    for talker in talkers.values():
        accepted(talker, old)


def test_a_leaked_key_goes_where_the_documents_say(followers, run):
    server, talkers, old = followers
    server.rotate("--revoke-current")
    new = wait_until("the new key signs", lambda: (token := server.token()) and kid(token) != kid(old) and token)
    assert [key["kid"] for key in key_set(server.url)["keys"]] == [kid(new)]
    in_time(until_accepted(talkers, new))
    for verifier, talker in talkers.items():
        answer = talker.ask(token=old)
        print(f"{verifier}: {'keeps' if 'claims' in answer else 'drops'} the old key")
        assert ("claims" in answer) == verifier.keeps_old, f"{verifier}: {answer}"
    for verifier, talker in talkers.items():
        if verifier.keeps_old:
            talker.kill()
            run(talker)
            accepted(talker, new)
            refused(talker, old)
