"""What Envoy lets through, and what the service behind it hears of the caller: docs/guides/envoy-authz.md with real tokens."""

import contextlib
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

import authz
import oauth
from authz import People
from countersign import PASSWORD, Countersign
from oauth import Answer
from programs import running, wait_until
from proxies import Envoy
from upstream import bearer, behind, call, send

RULES = [
    {"path_prefix": "/open", "access": "open"},
    {"path_prefix": "/any"},
    {"path_prefix": "/admin", "roles": ["admin", "owner"]},
    {"path_prefix": "/users", "access": "user"},
    {"path_prefix": "/scoped", "scopes": ["orders.read"]},
    {"path_prefix": "/services", "access": "service", "scopes": ["orders.read", "orders.write"]},
    {"path_prefix": "/another", "audience": "another"},
    {"path_prefix": "/recent", "max_login_age": "5s"},
    {"path_prefix": "/factor", "second_factor": True},
    {"path_prefix": "/hosts", "hosts": ["shop.example.com", "*.api.example.com"]},
    {"path": "/orders/{id}", "methods": ["GET"], "access": "open"},
    {"path": "/orders/{id}", "methods": ["DELETE"], "roles": ["admin"]},
    {"path_prefix": "/claims", "headers": {"x-tenant": "tenant", "x-cities": "cities", "x-missing": "missing"}},
    {"path_prefix": "/stripped", "strip_token": True},
    {"path_prefix": "/open-stripped", "access": "open", "strip_token": True},
    {"grpc": "shop.v1.Orders/Open", "access": "open"},
    {"grpc": "shop.v1.Orders/Delete", "roles": ["admin"]},
    {"grpc": "shop.v1.Orders/*"},
]
# Who the caller is, for the service behind; claims with it.
IDENTITY = ("x-auth-user-id", "x-auth-username", "x-auth-roles", "x-auth-session-id", "x-auth-service-id", "x-auth-revocations")
COOKIE = "session"


@dataclass(frozen=True)
class Shop:
    server: Countersign
    people: People
    proxy: Envoy
    # Access tokens: of an administrator of the shop, with claims; of a user without anything; with a second factor; of services.
    alice: str
    bob: str
    carol: str
    reader: str
    writer: str
    # A service's that acts for alice.
    acting: str

    def get(self, path: str, *headers: tuple[str, str], **options: str) -> Answer:
        return send(self.proxy.port, path, *headers, **options)

    def heard(self, path: str, *headers: tuple[str, str], **options: str) -> dict[str, list[str]]:
        """The headers that the service behind got."""
        answer = self.get(path, *headers, **options)
        assert answer.status == 200, (path, answer)
        return answer.json["headers"]


def carol(people: People) -> str:
    people.register("carol")
    people.call("SetTwoFactor", people.log_in("carol").access_token, enabled=True, password=PASSWORD)
    return people.log_in_with_code("carol").access_token


@pytest.fixture(scope="module")
def shop(stubs, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("shop")
    with contextlib.ExitStack() as started:
        server = started.enter_context(running(authz.authorizer(folder, *RULES, COUNTERSIGN_AUTHZ_COOKIE=COOKIE)))
        orders = started.enter_context(behind())
        # For the service behind, what a later filter knows of the caller.
        metadata = "%DYNAMIC_METADATA(envoy.filters.http.ext_authz:user_id)%"
        changes = {"                route_config:\n": f"""                route_config:
                  request_headers_to_add: [{{ header: {{ key: x-later, value: "{metadata}" }} }}]\n"""}
        proxy = started.enter_context(running(authz.envoy(folder, [server], orders, **changes)))
        people = People(server)
        people.register("alice", "--role", "admin", "--role", "clerk", "--claims", '{"tenant": "a, b", "cities": ["Köln", "Bonn"]}')
        people.register("bob")
        alice = people.log_in("alice").access_token
        account = oauth.create(server, "orders", "--grant-scope", "orders.read", "--grant-scope", "orders.write",
                               "--grant-audience", "countersign", "--may-exchange")  # fmt: skip

        def service(scope: str) -> str:
            return people.call("IssueServiceToken", key=account.key, scope=scope, audience="countersign").access_token

        acting = people.call("ExchangeToken", key=account.key, subject_token=alice, audience="countersign", scope="orders.read")
        yield Shop(server, people, proxy, alice, people.log_in("bob").access_token, carol(people), service("orders.read"),
                   service("orders.read orders.write"), acting.access_token)  # fmt: skip


# What a refusal's status and body are, and what its challenge must have.
INVALID = (401, "invalid_token", 'error="invalid_token"')
LACKS = (403, "insufficient_scope", 'error="insufficient_scope"')
AGAIN = (401, "insufficient_user_authentication", 'error="insufficient_user_authentication"')
MISSING = (401, "token_missing", "Bearer")
NO_RULE = (403, "access_denied", None)
DECIDED = [
    ("/open/a", None, 200),
    ("/open/a", "not-a-token", 200),
    ("/any", None, MISSING),
    ("/any", "bob", 200),
    ("/any", "not-a-token", INVALID),
    # A rule that asks for no scope is not for tokens that have no more than their scope.
    ("/any", "writer", LACKS),
    ("/any", "acting", LACKS),
    ("/admin/a", "alice", 200),
    ("/admin/a", "bob", LACKS),
    ("/admin/a", "writer", LACKS),
    ("/admin/a", None, MISSING),
    ("/users", "bob", 200),
    ("/users", "reader", LACKS),
    ("/scoped", "bob", 200),
    ("/scoped", "reader", 200),
    ("/scoped", "acting", 200),
    ("/services", "writer", 200),
    ("/services", "reader", LACKS),
    ("/services", "alice", LACKS),
    ("/another", "bob", LACKS),
    ("/factor", "carol", 200),
    ("/factor", "bob", AGAIN),
    ("/orders/7", None, 200),
    ("/orders/7/items", "alice", NO_RULE),
    ("/nothing", "alice", NO_RULE),
    ("/anything", "alice", NO_RULE),
]


def judge(answer: Answer, expected: int | tuple) -> None:
    if isinstance(expected, int):
        assert answer.status == expected, answer
        return
    status, error, challenge = expected
    assert answer.error == (status, error), answer
    found = answer.headers.get("www-authenticate")
    assert (found is None) if challenge is None else found.startswith("Bearer") and challenge in found, found
    # A request without any token is not told of an error (RFC 6750, section 3.1).
    assert error != "token_missing" or found == "Bearer"


@pytest.mark.short
def test_each_kind_of_rule_lets_through_and_refuses(shop):
    for path, who, expected in DECIDED:
        headers = [bearer(getattr(shop, who, who))] if who else []
        print(path, who, expected)
        judge(shop.get(path, *headers), expected)


def test_rules_go_by_audience_host_and_method(shop):
    another = shop.people.log_in("bob", "another").access_token
    judge(shop.get("/another", bearer(another)), 200)
    for host, expected in {
        "shop.example.com": 200, "SHOP.example.com:8000": 200, "v1.api.example.com": 200,
        "api.example.com": NO_RULE, "shop.example.com.evil.test": NO_RULE,
    }.items():  # fmt: skip
        judge(shop.get("/hosts", bearer(shop.bob), host=host), expected)
    judge(shop.get("/orders/7", method="DELETE"), MISSING)
    judge(shop.get("/orders/7", bearer(shop.bob), method="DELETE"), LACKS)
    judge(shop.get("/orders/7", bearer(shop.alice), method="DELETE"), 200)
    judge(shop.get("/orders/7", bearer(shop.alice), method="PUT"), NO_RULE)


def test_a_method_that_the_service_behind_may_take_instead_is_refused(shop):
    for name in ("x-http-method-override", "X-HTTP-Method", "x-method-override", "x_http_method_override"):
        judge(shop.get("/orders/7", (name, "DELETE")), (400, "invalid_request", None))
        judge(shop.get("/orders/7", (name, "GET"), (name, "delete")), (400, "invalid_request", None))
        judge(shop.get("/orders/7", (name, "GET")), 200)
    for query in "_method=DELETE", "%5Fmethod=DELETE", "a=1;_method=DELETE":
        judge(shop.get(f"/orders/7?{query}"), (400, "invalid_request", None))


def test_a_path_that_the_service_behind_may_take_instead_is_decided_as_well(shop):
    for name in "x-original-url", "x_rewrite_url":
        judge(shop.get("/orders/7", (name, "/admin")), (400, "invalid_request", None))
        judge(shop.get("/orders/7", (name, "/orders/8")), 200)


def test_a_scope_and_an_age_are_named_in_the_challenge(shop):
    answer = shop.get("/services", bearer(shop.reader))
    assert 'scope="orders.read orders.write"' in answer.headers["www-authenticate"]
    token = shop.people.log_in("bob").access_token
    judge(shop.get("/recent", bearer(token)), 200)
    answer = wait_until("the login is too old", lambda: (answer := shop.get("/recent", bearer(token))).status != 200 and answer, 20)
    judge(answer, AGAIN)
    assert 'max_age="5"' in answer.headers["www-authenticate"]


@pytest.mark.short
def test_the_service_behind_hears_who_the_caller_is(shop):
    claims = oauth.claims(shop.alice)
    heard = shop.heard("/any", bearer(shop.alice))
    assert {name: heard[name] for name in IDENTITY if name in heard} == {
        "x-auth-user-id": [claims["sub"]], "x-auth-username": ["alice"], "x-auth-session-id": [claims["sid"]], "x-auth-roles": ["admin,clerk"],
    }  # fmt: skip
    assert heard["authorization"] == [f"Bearer {shop.alice}"]
    assert heard["x-later"] == [claims["sub"]]
    service = oauth.claims(shop.reader)["sub"]
    heard = shop.heard("/scoped", bearer(shop.reader))
    assert {name: heard[name] for name in IDENTITY if name in heard} == {"x-auth-service-id": [service]}
    heard = shop.heard("/scoped", bearer(shop.acting))
    assert (heard["x-auth-user-id"], heard["x-auth-service-id"]) == ([claims["sub"]], [service])


@pytest.mark.short
def test_nobody_else_says_who_the_caller_is(shop):
    names = (*IDENTITY, "x-auth-email", "x-tenant", "x-cities", "x-missing")
    spellings = [spelling for name in names for spelling in (name, name.upper(), name.replace("-", "_"), name.replace("-", "_", 1))]
    forged = [(name, value) for name in spellings for value in ("forged", "again")]
    # A hop takes away the headers that `connection` names.
    for extra in [("x-envoy-auth-failure-mode-allowed", "true")], [("connection", "x-auth-user-id, x-auth-roles")]:
        for path, token in ("/open", None), ("/open", shop.alice), ("/any", shop.alice), ("/any", shop.bob), ("/claims", shop.alice), ("/scoped", shop.reader):
            headers = [bearer(token)] if token else []
            plain = shop.heard(path, *headers)
            heard = shop.heard(path, *headers, *forged, *extra)
            changing = {"x-request-id"}
            assert {k: v for k, v in heard.items() if k not in changing} == {k: v for k, v in plain.items() if k not in changing}
            assert token is not None or not set(IDENTITY) & set(heard), path


def test_headers_are_filled_from_claims(shop):
    heard = shop.heard("/claims", bearer(shop.alice))
    assert (heard["x-tenant"], heard["x-cities"]) == (["a%2C%20b"], ["K%C3%B6ln,Bonn"])
    assert "x-missing" not in heard
    heard = shop.heard("/claims", bearer(shop.bob))
    assert not {"x-tenant", "x-cities"} & set(heard)


def test_the_token_is_kept_from_the_service_behind(shop):
    heard = shop.heard("/stripped", bearer(shop.alice))
    assert "authorization" not in heard and heard["x-auth-username"] == ["alice"]
    heard = shop.heard("/open-stripped", bearer(shop.alice))
    assert "authorization" not in heard and "x-auth-username" not in heard
    for cookies, left in {
        ("a=1; session={}; b=2",): ["a=1; b=2"],
        ("session={}",): None,
        ("a=1", "session={}", "b=2"): ["a=1; b=2"],
        # The others stay as they are, in order or not.
        ('a="x y"; session="{}"; b=1,2; flag; c==',): ['a="x y"; b=1,2; flag; c=='],
    }.items():
        heard = shop.heard("/stripped", *[("cookie", cookie.format(shop.alice)) for cookie in cookies])
        assert heard.get("cookie") == left and heard["x-auth-username"] == ["alice"], cookies


@pytest.mark.short
def test_the_token_may_be_in_the_cookie_that_is_named(shop):
    assert shop.heard("/any", ("cookie", f"a=1; session={shop.alice}"))["x-auth-username"] == ["alice"]
    # One that is in `authorization` comes first, good or bad.
    assert shop.heard("/any", bearer(shop.bob), ("cookie", f"session={shop.alice}"))["x-auth-username"] == ["bob"]
    judge(shop.get("/any", bearer("not-a-token"), ("cookie", f"session={shop.alice}")), INVALID)
    judge(shop.get("/any", ("cookie", f"another={shop.alice}")), MISSING)
    judge(shop.get("/any", ("cookie", f"session={shop.alice}; session={shop.bob}")), INVALID)
    judge(shop.get("/any", ("cookie", f"session={shop.alice}"), ("cookie", f"session={shop.bob}")), INVALID)


@pytest.mark.short
def test_two_tokens_are_none(shop):
    for tokens in (shop.alice, shop.bob), (shop.bob, shop.alice), (shop.alice, shop.alice), (shop.alice, "x"), ("x", shop.alice):
        judge(shop.get("/any", *map(bearer, tokens)), INVALID)
    judge(shop.get("/any", ("authorization", "Basic YTpi"), bearer(shop.alice)), MISSING)


@pytest.mark.short
def test_grpc_clients_get_a_status_with_a_message(shop):
    def rpc(name: str, *metadata: tuple[str, str]) -> tuple[str, str]:
        return call(shop.proxy.port, f"/shop.v1.Orders/{name}", *metadata)[:2]

    assert rpc("Open") == ("OK", "")
    assert rpc("List", bearer(shop.bob)) == ("OK", "")
    assert rpc("List") == ("UNAUTHENTICATED", "a token is needed")
    assert rpc("List", bearer("not-a-token")) == ("UNAUTHENTICATED", "the token is not valid")
    assert rpc("List", bearer(shop.alice), bearer(shop.alice)) == ("UNAUTHENTICATED", "the token is not valid")
    assert rpc("Delete", bearer(shop.bob)) == ("PERMISSION_DENIED", "the user has none of the roles")
    assert rpc("Delete", bearer(shop.alice)) == ("OK", "")
    status, _, got = call(shop.proxy.port, "/shop.v1.Orders/List", ("x-auth-user-id", "forged"), ("cookie", "a=1"), ("cookie", f"session={shop.bob}"))
    assert (status, got["headers"]["x-auth-user-id"]) == ("OK", [oauth.claims(shop.bob)["sub"]])
    assert call(shop.proxy.port, "/shop.v1.Others/List", bearer(shop.alice))[:2] == ("PERMISSION_DENIED", "no rule allows this request")


def ended(shop: Shop, token: str) -> float:
    """Seconds until a request with it is refused."""
    begun = time.monotonic()
    judge(wait_until("it is refused", lambda: (answer := shop.get("/any", bearer(token))).status != 200 and answer, 10), INVALID)
    return time.monotonic() - begun


@pytest.mark.short
def test_a_logout_counts_at_the_next_request(shop):
    tokens = shop.people.log_in("bob")
    judge(shop.get("/any", bearer(tokens.access_token)), 200)
    shop.people.call("Logout", refresh_token=tokens.refresh_token)
    # The replica that has ended the session knows it at once.
    judge(shop.get("/any", bearer(tokens.access_token)), INVALID)


def test_a_user_who_is_disabled_is_refused_within_a_second(shop):
    shop.people.register("dora")
    token = shop.people.log_in("dora").access_token
    judge(shop.get("/any", bearer(token)), 200)
    # By a process of its own.
    shop.people.command("user", "set", "dora", "--state", "disabled")
    took = ended(shop, token)
    print(f"refused after {took:.2f} s")
    assert took < 1


def test_a_preflight_needs_no_token_and_pages_can_read_refusals(shop):
    page = ("origin", "https://shop.example.com")
    answer = shop.get("/any", page, ("access-control-request-method", "GET"), ("access-control-request-headers", "authorization"), method="OPTIONS")
    assert (answer.status, answer.headers["access-control-allow-headers"]) == (200, "authorization, content-type")
    answer = shop.get("/any", page)
    judge(answer, MISSING)
    assert answer.headers["access-control-allow-origin"] == page[1]
    assert "access-control-allow-origin" not in shop.get("/any", ("origin", "https://evil.test")).headers
    # What only looks like one goes by the rules.
    judge(shop.get("/any", method="OPTIONS"), MISSING)


def test_a_websocket_is_decided_at_its_handshake_and_not_again(shop):
    tokens = shop.people.log_in("bob")

    def handshake(connection: socket.socket, *headers: str) -> bytes:
        head = ("GET /any HTTP/1.1", "host: shop.example.com", "connection: upgrade", "upgrade: websocket", *headers, "", "")
        connection.sendall("\r\n".join(head).encode())
        return connection.recv(10_000).split(b"\r\n")[0]

    with socket.create_connection(("127.0.0.1", shop.proxy.port), timeout=20) as refused:
        assert handshake(refused) == b"HTTP/1.1 401 Unauthorized"
    with socket.create_connection(("127.0.0.1", shop.proxy.port), timeout=20) as connection:
        assert handshake(connection, f"authorization: Bearer {tokens.access_token}") == b"HTTP/1.1 101 Switching Protocols"
        shop.people.call("Logout", refresh_token=tokens.refresh_token)
        judge(shop.get("/any", bearer(tokens.access_token)), INVALID)
        connection.sendall(b"still here")
        assert connection.recv(100) == b"still here"


def test_the_access_log_names_the_caller(shop):
    path = "/any/logged"
    judge(shop.get(path, bearer(shop.alice)), 200)
    line = wait_until("a line in the log", lambda: next((line for line in shop.proxy.text().splitlines() if path in line), None), 30)
    assert oauth.claims(shop.alice)["sub"] in line and '"rule":2' in line
