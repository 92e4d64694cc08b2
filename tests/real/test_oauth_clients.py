"""OAuth clients of others, as the guides show them, over TLS: a token by discovery where they can, with a scope and an
audience; errors; introspection; exchange; revocation.

Requests to a client: {"op": token, introspect, exchange, revoke or verify; "method": basic, post, jwt or auto; "id", "key", "jwk",
"pem", "kid", "scope", "audience", "token"}. It answers with the fields of OAuth's answer, or {"error": what it shows its user}.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import jwt
import pytest

from issuer import SecureIssuer, part
from languages import ISSUER, Talker, guide
from oauth import Account, SigningKey, claims, create, write_jwks
from programs import running

STOCK = {"scope": "stock.read", "audience": "stock"}


@dataclass(frozen=True)
class Library:
    language: str
    name: str
    methods: tuple[str, ...]
    # What else it can do, and by which methods.
    introspects: tuple[str, ...] = ()
    exchanges: tuple[str, ...] = ()
    revokes: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.name


ALL = ("basic", "post", "jwt")
LIBRARIES = [
    Library("go", "x-oauth2", ("basic", "post", "auto"), introspects=("basic", "jwt"), exchanges=("basic",)),
    Library("node", "openid-client", ALL, introspects=ALL, exchanges=ALL, revokes=ALL),
    Library("node", "oauth4webapi", ALL, introspects=ALL, exchanges=ALL, revokes=ALL),
    Library("python", "authlib", ALL, introspects=ALL, exchanges=ALL, revokes=ALL),
    Library("python", "requests-oauthlib", ALL),
    Library("java", "spring", ALL, introspects=("basic",), exchanges=("basic", "post")),
    Library("java", "nimbus", ALL, introspects=ALL, exchanges=ALL, revokes=ALL),
]
# Spring is the slowest to start.
each = pytest.mark.parametrize(
    "library", [pytest.param(one, id=one.name, marks=[pytest.mark.short] if one.name != "spring" else []) for one in LIBRARIES]
)


@dataclass(frozen=True)
class Accounts:
    server: SecureIssuer
    # By key; it may do everything.
    orders: Account
    # By a key of its own, which never leaves it.
    signer: Account
    key: SigningKey

    def credentials(self, method: str) -> dict:
        if method == "jwt":
            shown = {"jwk": self.key.jwk(private=True), "pem": self.key.pem(), "kid": self.key.kid}
            return {"method": method, "id": self.signer.id} | shown
        return {"method": method, "id": self.orders.id, "key": self.orders.key}

    def account(self, method: str) -> str:
        return self.signer.id if method == "jwt" else self.orders.id


@pytest.fixture(scope="module")
def accounts(stubs, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Accounts]:
    folder = tmp_path_factory.mktemp("issuer")
    key = SigningKey("ES256", "signer-1")
    grants = ("--grant-scope", "stock.read", "--grant-scope", "introspect", "--grant-audience", "stock", "--grant-audience", "countersign", "--may-exchange")
    with running(SecureIssuer(folder, COUNTERSIGN_AUDIENCE="countersign,stock")) as server:
        orders = create(server, "orders", *grants)
        signer = create(server, "signer", "--no-key", "--jwks", write_jwks(folder / "signer.json", key), *grants)
        yield Accounts(server, orders, signer, key)


@pytest.fixture(scope="module")
def started(accounts, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Library], Talker]]:
    """Builds each guide once, and starts each library's program once."""
    built, talkers = {}, {}

    def start(library: Library) -> Talker:
        if library.language not in built:
            folder = tmp_path_factory.mktemp(library.language)
            replaced = {ISSUER: accounts.server.url}
            built[library.language] = folder, guide(f"services-{library.language}", library.language, folder, replaced)
        if library not in talkers:
            folder, language = built[library.language]
            talkers[library] = language.service(folder, library.name, accounts.server.authority.chain).start()
        return talkers[library]

    yield start
    for talker in talkers.values():
        talker.kill()


def good(answer: dict) -> dict:
    assert "error" not in answer, answer
    return answer


def verified(accounts: Accounts, token: str, audience: str) -> dict:
    """The claims, if a verifier as docs/guides/verify-python.md has it takes the token."""
    import ssl

    context = ssl.create_default_context(cafile=accounts.server.authority.chain)
    keys = jwt.PyJWKClient(f"{accounts.server.url}/.well-known/jwks.json", ssl_context=context)
    assert part(token.split(".")[0])["typ"] == "at+jwt"
    key = keys.get_signing_key_from_jwt(token).key
    return jwt.decode(token, key, ["ES256"], issuer=accounts.server.url, audience=audience, leeway=5)


@each
def test_it_gets_a_token(library, accounts, started):
    talker = started(library)
    for method in library.methods:
        answer = good(talker.ask(op="token", **accounts.credentials(method), **STOCK))
        print(library, method, answer)
        assert (answer["token_type"].lower(), answer["scope"]) in (("bearer", "stock.read"), ("bearer", ["stock.read"]))
        assert 0 < answer["expires_in"] <= 3600
        found = verified(accounts, answer["access_token"], "stock")
        assert (found["sub"], found["client_id"], found["scope"]) == (accounts.account(method), accounts.account(method), "stock.read")
        assert "sid" not in found and "act" not in found
        # An assertion is used once: the library makes another.
        good(talker.ask(op="token", **accounts.credentials(method), **STOCK))


@each
def test_it_shows_what_is_wrong(library, accounts, started):
    talker = started(library)
    for method in library.methods:
        right = accounts.credentials(method)
        stranger = SigningKey("ES256", accounts.key.kid)
        key = accounts.orders.key
        wrong = {"jwk": stranger.jwk(private=True)} if method == "jwt" else {"key": key[:-1] + ("A" if key[-1] != "A" else "B")}
        for changes, expected in (
            (wrong, "invalid_client"),
            ({"scope": "stock.write"}, "invalid_scope"),
            ({"audience": "vault"}, "invalid_target"),
        ):
            answer = talker.ask(op="token", **(right | STOCK | changes))
            print(library, method, answer)
            assert expected in answer["error"]
        # Reserved characters, in each library's own way to encode them.
        if method != "jwt":
            answer = talker.ask(op="token", **(right | STOCK | {"id": "a:b/c d", "key": "p+w%:/=&?#"}))
            print(library, method, answer)
            assert "invalid_client" in answer["error"]
        good(talker.ask(op="token", **right, **STOCK))


@each
def test_it_introspects_exchanges_and_revokes(library, accounts, started):
    talker = started(library)
    user = accounts.server.token()
    for method in library.introspects:
        credentials = accounts.credentials(method)
        token = good(talker.ask(op="token", **accounts.credentials(library.methods[0]), **STOCK))["access_token"]
        answer = good(talker.ask(op="introspect", token=token, **credentials))
        print(library, method, answer)
        assert str(answer["active"]).lower() == "true" and answer["sub"] == claims(token)["sub"]
        answer = talker.ask(op="introspect", token="x.y.z", **credentials)
        # Spring has an exception for it.
        assert answer.get("active") is False or "isn't active" in answer["error"], answer
        assert good(talker.ask(op="introspect", token=user, **credentials))["sub"] == claims(user)["sub"]
    for method in library.exchanges:
        answer = good(talker.ask(op="exchange", token=user, **accounts.credentials(method), **STOCK))
        print(library, method, answer)
        found = verified(accounts, answer["access_token"], "stock")
        assert (found["sub"], found["sid"], found["act"]) == (claims(user)["sub"], claims(user)["sid"], {"sub": accounts.account(method)})
        answer = talker.ask(op="exchange", token="x.y.z", **accounts.credentials(method), **STOCK)
        assert "invalid_request" in answer["error"], answer
    for method in library.revokes:
        credentials = accounts.credentials(method)
        token = good(talker.ask(op="token", **credentials, **STOCK))["access_token"]
        good(talker.ask(op="revoke", token=token, **credentials))
        assert good(talker.ask(op="introspect", token=token, **credentials))["active"] is False
        good(talker.ask(op="revoke", token="x.y.z", **credentials))


@pytest.mark.short
def test_oauth4webapi_verifies_what_we_sign(accounts, started):
    """By its own rules for access tokens (RFC 9068)."""
    talker = started(next(one for one in LIBRARIES if one.name == "oauth4webapi"))
    token = good(talker.ask(op="token", **accounts.credentials("basic"), **STOCK))["access_token"]
    found = good(talker.ask(op="verify", token=token))
    assert (found["sub"], found["client_id"], found["scope"]) == (accounts.orders.id, accounts.orders.id, "stock.read")
    other = good(talker.ask(op="token", **accounts.credentials("basic"), scope="stock.read", audience="countersign"))["access_token"]
    assert "error" in talker.ask(op="verify", token=other)
    head, payload, signature = token.split(".")
    assert "error" in talker.ask(op="verify", token=f"{head}.{payload}.{signature[:8]}{'A' if signature[8] != 'A' else 'B'}{signature[9:]}")
