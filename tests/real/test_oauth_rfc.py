"""OAuth's endpoints by plain HTTP, against the words of RFC 6749, 6750, 7009, 7523, 7662, 8414, 8693 and 9068."""

import base64
import re
import time
import urllib.parse
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

import jwt
import pytest

from countersign import PASSWORD
from issuer import Issuer, part
from oauth import (
    ACCESS_TOKEN, CLIENT_CREDENTIALS, EXCHANGE, FORM, JWT_BEARER, Account, Answer, SigningKey, basic, claims, create, percent, post,
    request, service_account, write_jwks,
)  # fmt: skip
from programs import running, wait_until

pytestmark = pytest.mark.short


@dataclass(frozen=True)
class Service:
    """A replica, and accounts: one that reads and writes orders, one that may introspect, one that acts for users."""

    server: Issuer
    orders: Account
    gateway: Account
    front: Account
    signer: Account
    key: SigningKey

    def at(self, path: str) -> str:
        return f"{self.server.url}/oauth2/{path}"

    def ask(self, form: dict | list | str | bytes, account: Account | None = None, path: str = "token", **headers: str) -> Answer:
        """A request of `orders`, or of another account, with its key in a Basic header."""
        account = account or self.orders
        return post(self.at(path), form, **({"authorization": basic(account.id, account.key)} | headers))

    def token(self, account: Account | None = None, **form: str) -> str:
        answer = self.ask({"grant_type": CLIENT_CREDENTIALS} | form, account)
        assert answer.status == 200, answer
        return answer.json["access_token"]

    def introspect(self, token: str) -> dict:
        answer = self.ask({"token": token}, self.gateway, "introspect")
        assert answer.status == 200, answer
        return answer.json

    def assertion(self, **changes: object) -> str:
        now = int(time.time())
        usual = {"iss": self.signer.id, "sub": self.signer.id, "aud": self.server.url, "iat": now, "exp": now + 60, "jti": str(uuid.uuid4())}
        return self.key.sign(**(usual | changes))


@pytest.fixture(scope="module")
def service(stubs, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("service")
    key = SigningKey("ES256", "signer-1")
    with running(Issuer(folder, COUNTERSIGN_AUDIENCE="countersign,shop,billing")) as server:
        orders = create(server, "orders", "--grant-scope", "orders.read", "--grant-scope", "orders.write", "--grant-audience", "shop", "--grant-audience", "billing")
        gateway = create(server, "gateway", "--grant-scope", "introspect")
        front = create(server, "front", "--grant-scope", "orders.read", "--grant-audience", "shop", "--may-exchange")
        signer = create(server, "signer", "--no-key", "--jwks", write_jwks(folder / "signer.json", key), "--grant-scope", "orders.read")
        yield Service(server, orders, gateway, front, signer, key)


def log_in(service: Service):
    """The tokens of a session of alice."""
    from auth.v1 import auth_service_pb2 as auth
    from auth.v1 import auth_service_pb2_grpc

    # Registers her.
    service.server.token()
    with service.server.channel() as channel:
        request = auth.LoginRequest(username="alice", password=PASSWORD)
        return auth_service_pb2_grpc.AuthServiceStub(channel).Login(request, timeout=30).tokens


def whole(value: object) -> None:
    """No null and no empty member: libraries read them in ways of their own."""
    if isinstance(value, dict):
        for name, member in value.items():
            assert member is not None and member != "" and member != [] and member != {}, f"{name} is empty: {value}"
            whole(member)


# RFC 6749: the token endpoint


def test_a_token_has_what_the_rfcs_say(service):
    answer = service.ask({"grant_type": CLIENT_CREDENTIALS, "scope": "orders.read", "audience": "billing"})
    assert answer.status == 200
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["www-authenticate"] is None
    body = answer.json
    whole(body)
    assert set(body) == {"access_token", "token_type", "expires_in", "scope"}
    assert (body["token_type"], body["scope"]) == ("Bearer", "orders.read")
    assert type(body["expires_in"]) is int and 0 < body["expires_in"] <= 3600
    head, found = part(body["access_token"].split(".")[0]), claims(body["access_token"])
    assert head["typ"] == "at+jwt"
    key = jwt.PyJWKClient(f"{service.server.url}/.well-known/jwks.json").get_signing_key_from_jwt(body["access_token"]).key
    jwt.decode(body["access_token"], key, ["ES256"], issuer=service.server.url, audience="billing", leeway=5)
    assert set(found) == {"iss", "sub", "client_id", "aud", "exp", "iat", "jti", "scope"}
    assert (found["sub"], found["client_id"]) == (service.orders.id, service.orders.id)
    assert (found["aud"], found["scope"]) == ("billing", "orders.read")
    uuid.UUID(found["jti"])
    assert abs(found["exp"] - time.time() - body["expires_in"]) <= 5


def test_a_token_without_a_wish_says_what_it_is_good_for(service):
    body = service.ask({"grant_type": CLIENT_CREDENTIALS}).json
    whole(body)
    assert body.get("scope", "") == claims(body["access_token"]).get("scope", "")
    assert set(body.get("scope", "").split()) <= {"orders.read", "orders.write"}
    # A parameter without a value counts as left out (RFC 6749, section 3.2), and one that is not known is ignored.
    assert service.ask({"grant_type": CLIENT_CREDENTIALS, "scope": "", "audience": "", "unheard-of": "1"}).json["scope"] == body["scope"]


REFUSED = {
    "no grant_type": ({"scope": "orders.read"}, 400, "invalid_request"),
    "an empty grant_type": ({"grant_type": ""}, 400, "invalid_request"),
    "a grant that there is not": ({"grant_type": "password", "username": "alice", "password": "x"}, 400, "unsupported_grant_type"),
    "a grant of another server": ({"grant_type": "authorization_code", "code": "x"}, 400, "unsupported_grant_type"),
    "a scope of another": ({"grant_type": CLIENT_CREDENTIALS, "scope": "orders.read introspect"}, 400, "invalid_scope"),
    "a scope with a quote": ({"grant_type": CLIENT_CREDENTIALS, "scope": 'orders"read'}, 400, "invalid_scope"),
    "an audience of another": ({"grant_type": CLIENT_CREDENTIALS, "audience": "vault"}, 400, "invalid_target"),
    "grant_type twice": ([("grant_type", CLIENT_CREDENTIALS)] * 2, 400, "invalid_request"),
    "scope twice": ([("grant_type", CLIENT_CREDENTIALS), ("scope", "orders.read"), ("scope", "orders.write")], 400, "invalid_request"),
    "an exchange that the account may not": (
        {"grant_type": EXCHANGE, "subject_token": "x", "subject_token_type": ACCESS_TOKEN}, 400, "unauthorized_client"),
    "nothing": ("", 400, "invalid_request"),
    "no UTF-8": ("grant_type=client_credentials&scope=%ff%fe", 400, "invalid_scope"),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_a_refusal_says_which(what, service):
    form, status, error = REFUSED[what]
    answer = service.ask(form)
    assert answer.error == (status, error)
    # No wrong credentials, no challenge.
    assert answer.headers["www-authenticate"] is None


def challenge(answer: Answer) -> str:
    (found,) = answer.headers.get_all("www-authenticate")
    return found


def wrong(key: str) -> str:
    return key[:-1] + ("A" if key[-1] != "A" else "B")


@pytest.mark.parametrize("path", ["token", "introspect", "revoke"])
def test_wrong_credentials_are_invalid_client(path, service):
    form = {"grant_type": CLIENT_CREDENTIALS, "token": "x"}
    orders = service.orders
    headers = {
        "a wrong key": basic(orders.id, wrong(orders.key)),
        "another account's key": basic(orders.id, service.gateway.key),
        "no such account": basic("0" * 32, orders.key),
        "no account, no key": basic("", ""),
        "no key": basic(orders.id, ""),
        "reserved characters, encoded": basic(percent("a:b&c=d+e%f/ü"), percent("p w:d&=+%/?#ü")),
        "reserved characters, as they stand": basic("a&b=c+d/ü", "p w:d&=+/?#ü"),
        "malformed escapes": basic("100%", "%zz%4"),
    }
    for what, header in headers.items():
        answer = post(service.at(path), form, authorization=header)
        assert answer.error == (401, "invalid_client"), what
        assert re.match(r'Basic realm="[^"]+"', challenge(answer)), what


@pytest.mark.parametrize("path", ["token", "introspect", "revoke"])
def test_a_header_that_is_none(path, service):
    for what, header in {
        "no colon": "Basic " + base64.b64encode(service.orders.id.encode()).decode(),
        "no Base64": "Basic !!!",
        "no UTF-8": "Basic " + base64.b64encode(b"\xff:\xff").decode(),
        "nothing after the scheme": "Basic",
        "another scheme": "Digest abc",
    }.items():
        answer = post(service.at(path), {"grant_type": CLIENT_CREDENTIALS, "token": "x"}, authorization=header)
        assert answer.error in ((400, "invalid_request"), (401, "invalid_client")), what


@pytest.mark.parametrize("path", ["token", "introspect", "revoke"])
def test_wrong_credentials_in_the_body(path, service):
    for what, credentials in {
        "a wrong key": {"client_id": service.orders.id, "client_secret": wrong(service.orders.key)},
        "no such account": {"client_id": "0" * 32, "client_secret": service.orders.key},
        "no assertion": {"client_assertion_type": JWT_BEARER, "client_assertion": "x"},
    }.items():
        status, error = post(service.at(path), {"grant_type": CLIENT_CREDENTIALS, "token": "x"} | credentials).error
        assert status in (400, 401) and error == "invalid_client", what


def test_none_and_several_ways_to_authenticate(service):
    form = {"grant_type": CLIENT_CREDENTIALS}
    account = service.orders
    assert post(service.at("token"), form).error == (401, "invalid_client")
    assert post(service.at("token"), form | {"client_id": account.id}).error[1] == "invalid_client"
    # At most one way in one request (RFC 6749, section 2.3).
    assert service.ask(form | {"client_secret": account.key}).error == (400, "invalid_request")
    assert service.ask(form | {"client_assertion": service.assertion(), "client_assertion_type": JWT_BEARER}).error == (400, "invalid_request")
    # The same id beside it is no second one, another is.
    assert service.ask(form | {"client_id": account.id}).status == 200
    assert service.ask(form | {"client_id": service.gateway.id}).error[1] in ("invalid_request", "invalid_client")


def test_basic_is_read_as_clients_write_it(service):
    form = {"grant_type": CLIENT_CREDENTIALS}
    account = service.orders
    for what, header in {
        "each character encoded": basic(percent(account.id), percent(account.key)),
        "in small hex digits": basic(percent(account.id).lower(), account.key),
        "another case of the scheme": basic(account.id, account.key).replace("Basic", "bAsIC"),
    }.items():
        assert post(service.at("token"), form, authorization=header).status == 200, what


def test_methods_and_types(service):
    for path in ("token", "introspect", "revoke"):
        for method in ("GET", "PUT", "DELETE"):
            answer = request(method, service.at(path))
            assert (answer.status, answer.headers["allow"]) == (405, "POST"), (path, method)
    body = {"grant_type": CLIENT_CREDENTIALS}
    for kind in (f"{FORM};charset=UTF-8", f"{FORM}; charset=utf-8", "Application/X-WWW-Form-URLEncoded"):
        assert service.ask(body, content_type=kind).status == 200, kind
    for kind in ("application/json", "text/plain", "multipart/form-data; boundary=x"):
        status, error = service.ask(body, content_type=kind).error
        assert status in (400, 415) and error == "invalid_request", kind
    # Nimbus asks for text/html.
    for accept in ("text/html", "text/html, image/gif, image/jpeg, */*; q=.2", "application/xml"):
        assert service.ask(body, accept=accept).json["token_type"] == "Bearer", accept


def test_what_is_in_the_url_is_not_read(service):
    query = urllib.parse.urlencode({"grant_type": CLIENT_CREDENTIALS, "client_id": service.orders.id, "client_secret": service.orders.key})
    assert post(f"{service.at('token')}?{query}", "").status in (400, 401)


def test_a_body_without_end_is_not_read(service):
    # Over the limit of 64 KiB, and short enough to be on its way before the connection is closed: a client that still sends then sees
    # that, and not the answer.
    status, error = service.ask("grant_type=client_credentials&scope=" + "a" * 100_000).error
    assert status in (400, 413) and error == "invalid_request"


def test_refusals_of_the_rate_limit_have_an_error(tmp_path, run):
    server = run(Issuer(tmp_path))
    account = create(server, "orders")
    seen = set()
    for _ in range(300):
        answer = post(f"{server.url}/oauth2/token", {"grant_type": CLIENT_CREDENTIALS}, authorization=basic(account.id, wrong(account.key)))
        seen.add(answer.error)
        if answer.status == 429:
            assert int(answer.headers["retry-after"]) > 0
            break
    print(seen)
    assert seen <= {(401, "invalid_client"), (429, "temporarily_unavailable"), (429, "slow_down"), (429, "invalid_client")}


# RFC 7523: an assertion


def with_assertion(service: Service, assertion: str, **form: str) -> Answer:
    shown = {"client_assertion_type": JWT_BEARER, "client_assertion": assertion}
    return post(service.at("token"), {"grant_type": CLIENT_CREDENTIALS} | shown | form)


def test_assertions_as_clients_write_them(service):
    now = int(time.time())
    for what, changes in {
        "for the issuer": {},
        "for the endpoint": {"aud": service.at("token")},
        "for a list": {"aud": [service.server.url, service.at("token")]},
        "without iat": {"iat": None},
        "with nbf": {"nbf": now},
        "an end with a fraction": {"exp": now + 60.5},
    }.items():
        answer = with_assertion(service, service.assertion(**changes))
        assert answer.status == 200, (what, answer)
        assert claims(answer.json["access_token"])["sub"] == service.signer.id
    assert with_assertion(service, service.assertion(), client_id=service.signer.id).status == 200


def test_assertions_that_prove_nothing(service):
    now = int(time.time())
    stranger = SigningKey("ES256", "signer-1")
    used = service.assertion()
    assert with_assertion(service, used).status == 200
    good = {"iss": service.signer.id, "sub": service.signer.id, "aud": service.server.url, "exp": now + 60, "jti": "x"}
    for what, assertion in {
        "used already": used,
        "for another server": service.assertion(aud="https://other.example.com/oauth2/token"),
        "without an audience": service.assertion(aud=None),
        "ended": service.assertion(exp=now - 120, iat=now - 180),
        "without an end": service.assertion(exp=None),
        "an end in a year": service.assertion(exp=now + 365 * 86_400),
        "of a stranger": stranger.sign(**good),
        "of another account": service.assertion(iss=service.orders.id, sub=service.orders.id),
        "issuer and subject differ": service.assertion(iss=service.orders.id),
        "unsigned": jwt.encode(good, None, "none"),
        "by HS256": jwt.encode(good, "x" * 32, "HS256"),
        "not a JWT": "x.y.z",
    }.items():
        status, error = with_assertion(service, assertion).error
        assert status in (400, 401) and error == "invalid_client", what
    assert with_assertion(service, service.assertion(), client_id=service.orders.id).error[1] in ("invalid_client", "invalid_request")


# RFC 8414: metadata


def test_metadata(service):
    url = f"{service.server.url}/.well-known/oauth-authorization-server"
    answer = request("GET", url)
    assert answer.status == 200
    found = answer.json
    whole(found)
    assert found["issuer"] == service.server.url == claims(service.token())["iss"]
    # Required, and no user logs in here.
    assert found["response_types_supported"] == ["none"]
    assert found["token_endpoint"] == service.at("token")
    assert found["introspection_endpoint"] == service.at("introspect")
    assert found["revocation_endpoint"] == service.at("revoke")
    assert request("GET", found["jwks_uri"]).status == 200
    assert set(found["grant_types_supported"]) == {CLIENT_CREDENTIALS, EXCHANGE}
    for endpoint in ("token", "introspection", "revocation"):
        methods = set(found[f"{endpoint}_endpoint_auth_methods_supported"])
        assert methods >= {"client_secret_basic", "client_secret_post", "private_key_jwt"}
        algorithms = set(found[f"{endpoint}_endpoint_auth_signing_alg_values_supported"])
        assert {"ES256", "RS256"} <= algorithms and not algorithms & {"none", "HS256", "HS384", "HS512"}
    assert request("HEAD", url).status == 200
    assert request("POST", url).status == 405


# RFC 7662: introspection, and RFC 6750 where a Bearer token asks


def test_introspection_of_a_services_token(service):
    token = service.token(scope="orders.read", audience="billing")
    answer = service.ask({"token": token, "token_type_hint": "access_token"}, service.gateway, "introspect")
    assert (answer.status, answer.headers["cache-control"]) == (200, "no-store")
    found, inside = answer.json, claims(token)
    whole(found)
    assert found["active"] is True
    for name in ("iss", "sub", "client_id", "aud", "exp", "iat", "jti", "scope"):
        assert found[name] == inside[name], name
    assert found.get("token_type", "Bearer") == "Bearer"
    assert all(type(found[name]) is int for name in ("exp", "iat", "nbf") if name in found)
    # A token without a scope has no empty one: Spring makes SCOPE_ of it.
    whole(service.introspect(service.token(service.gateway, scope="introspect")))


def test_introspection_of_a_users_token(service):
    token = service.server.token()
    found = service.introspect(token)
    whole(found)
    assert (found["active"], found["sub"], found["preferred_username"]) == (True, claims(token)["sub"], "alice")
    assert "scope" not in found


def test_a_token_that_is_not_active_is_that_and_no_more(service):
    token = service.token()
    head, payload, signature = token.split(".")
    for what, other in {
        "no token": "x",
        "changed": f"{head}.{payload}.{signature[:8]}{'A' if signature[8] != 'A' else 'B'}{signature[9:]}",
        "of another": SigningKey("ES256", part(head)["kid"]).sign({"typ": "at+jwt"}, **claims(token)),
        "a key": service.orders.key,
        "long": "a" * 9_000,
    }.items():
        assert service.introspect(other) == {"active": False}, what
    # A hint is a hint.
    answer = service.ask({"token": token, "token_type_hint": "unheard_of"}, service.gateway, "introspect")
    assert answer.json["active"] is True


def test_who_may_introspect(service):
    form = {"token": service.token()}
    assert post(service.at("introspect"), form).error == (401, "invalid_client")
    status, error = service.ask(form, path="introspect").error
    assert status in (400, 403), error
    assert service.ask({"token_type_hint": "access_token"}, service.gateway, "introspect").error == (400, "invalid_request")
    assert service.ask([("token", "x"), ("token", "y")], service.gateway, "introspect").error == (400, "invalid_request")


def test_a_bearer_token_may_introspect(service):
    """RFC 6750, section 3: the challenge says why the token is refused."""
    form = {"token": service.token()}

    def by(bearer: str) -> Answer:
        return post(service.at("introspect"), form, authorization=f"Bearer {bearer}")

    for bearer in (service.token(service.gateway), service.token(service.gateway, scope="introspect"), service.gateway.key):
        assert by(bearer).json["active"] is True
    answer = by("x.y.z")
    assert answer.status == 401 and re.match("Bearer ", challenge(answer)) and 'error="invalid_token"' in challenge(answer)
    for bearer in (service.token(), service.orders.key, service.server.token()):
        answer = by(bearer)
        assert answer.status in (401, 403), answer
        assert re.search('error="(insufficient_scope|invalid_token)"', challenge(answer)), answer
        assert "active" not in answer.text


# RFC 7009: revocation


def test_revocation(service):
    token, other = service.token(), service.token()
    assert service.introspect(token)["active"]
    for form in ({"token": token}, {"token": token}, {"token": token, "token_type_hint": "access_token"}):
        answer = service.ask(form, path="revoke")
        assert answer.status == 200, answer
    assert service.introspect(token) == {"active": False}
    assert service.introspect(other)["active"] is True


def test_revocation_of_what_there_is_not(service):
    for form in ({"token": "x"}, {"token": "x", "token_type_hint": "unheard_of"}, {"token": "x.y.z", "token_type_hint": "refresh_token"}):
        assert service.ask(form, path="revoke").status == 200, form
    assert service.ask({}, path="revoke").error == (400, "invalid_request")
    assert service.ask([("token", "x"), ("token", "y")], path="revoke").error == (400, "invalid_request")


def test_a_token_of_another_is_not_revoked(service):
    """Section 2.1 has the client told."""
    token = service.token()
    assert service.ask({"token": token}, service.gateway, "revoke").error == (400, "invalid_grant")
    assert post(service.at("revoke"), {"token": token}).error[0] in (400, 401)
    assert service.introspect(token)["active"] is True
    # A user's ends with its session alone.
    token = service.server.token()
    assert service.ask({"token": token}, path="revoke").error == (400, "unsupported_token_type")
    assert service.introspect(token)["active"] is True


def test_a_users_refresh_token_is_its_own_proof(service):
    """As with Logout: its holder may end the session."""
    tokens = log_in(service)
    assert service.introspect(tokens.access_token)["active"] is True
    assert post(service.at("revoke"), {"token": tokens.refresh_token, "token_type_hint": "refresh_token"}).status == 200
    assert service.introspect(tokens.access_token) == {"active": False}


def test_tokens_of_an_account_end_with_it(tmp_path, run):
    server = run(Issuer(tmp_path))
    account, gateway = create(server, "orders"), create(server, "gateway", "--grant-scope", "introspect")
    one = Service(server, account, gateway, gateway, gateway, SigningKey("ES256", "x"))
    before = one.token()
    assert one.introspect(before)["active"] is True
    service_account(server, "end-tokens", "orders")
    wait_until("the token has ended", lambda: one.introspect(before) == {"active": False}, 5)
    after = wait_until("it gets another", lambda: claims(token := one.token()).get("service_epoch") == 1 and token, 5)
    assert one.introspect(after)["active"] is True
    service_account(server, "disable", "orders")
    wait_until("the token has ended", lambda: one.introspect(after) == {"active": False}, 5)
    refused = wait_until("it gets none", lambda: (answer := one.ask({"grant_type": CLIENT_CREDENTIALS})).status != 200 and answer, 5)
    assert refused.error == (401, "invalid_client")


# RFC 8693: exchange


def exchange(service: Service, subject: str, account: Account | None = None, **changes: str) -> Answer:
    form = {"grant_type": EXCHANGE, "subject_token": subject, "subject_token_type": ACCESS_TOKEN} | changes
    return service.ask({name: value for name, value in form.items() if value}, account or service.front)


def test_an_exchange(service):
    user = service.server.token()
    answer = exchange(service, user, scope="orders.read", audience="shop")
    assert (answer.status, answer.headers["cache-control"]) == (200, "no-store"), answer
    body = answer.json
    whole(body)
    assert set(body) == {"access_token", "issued_token_type", "token_type", "expires_in", "scope"}
    assert (body["issued_token_type"], body["token_type"], body["scope"]) == (ACCESS_TOKEN, "Bearer", "orders.read")
    inside, subject = claims(body["access_token"]), claims(user)
    for name in ("iss", "sub", "sid", "amr", "auth_time", "preferred_username"):
        assert inside[name] == subject[name], name
    assert inside["act"] == {"sub": service.front.id}
    assert (inside["client_id"], inside["aud"], inside["scope"]) == (service.front.id, "shop", "orders.read")
    assert inside["exp"] <= subject["exp"]
    assert inside["jti"] != subject["jti"]
    assert service.introspect(body["access_token"])["act"] == {"sub": service.front.id}
    # The user's own says nothing of an actor.
    assert "act" not in service.introspect(user)
    assert exchange(service, user, requested_token_type=ACCESS_TOKEN).status == 200


def test_exchanges_that_are_refused(service):
    user = service.server.token()
    exchanged = exchange(service, user).json["access_token"]
    refresh = "urn:ietf:params:oauth:token-type:refresh_token"
    cases = {
        "no subject": (exchange(service, ""), "invalid_request"),
        "a subject that is no token": (exchange(service, "x.y.z"), "invalid_request"),
        "no type of the subject": (exchange(service, user, subject_token_type=""), "invalid_request"),
        "another type of the subject": (exchange(service, user, subject_token_type=refresh), "invalid_request"),
        "another type wanted": (exchange(service, user, requested_token_type=refresh), "invalid_request"),
        "an actor without a type": (exchange(service, user, actor_token=service.token()), "invalid_request"),
        "a scope of its own that it has not": (exchange(service, user, scope="orders.write"), "invalid_scope"),
        "an audience that it has not": (exchange(service, user, audience="billing"), "invalid_target"),
        "a service's token": (exchange(service, service.token()), "invalid_request"),
        "an exchanged token": (exchange(service, exchanged), "invalid_request"),
        "an account that may not": (exchange(service, user, service.orders), "unauthorized_client"),
    }
    for what, (answer, error) in cases.items():
        assert answer.error == (400, error), what


def test_an_exchanged_token_ends_with_the_session_and_changes_no_account(service):
    import grpc
    from auth.v1 import account_service_pb2 as account
    from auth.v1 import account_service_pb2_grpc
    from auth.v1 import auth_service_pb2 as auth
    from auth.v1 import auth_service_pb2_grpc

    tokens = log_in(service)
    with service.server.channel() as channel:
        exchanged = exchange(service, tokens.access_token).json["access_token"]
        me = account_service_pb2_grpc.AccountServiceStub(channel)
        assert me.GetMe(account.GetMeRequest(), metadata=[("authorization", f"Bearer {tokens.access_token}")]).user.username == "alice"
        for other in (exchanged, service.token()):
            with pytest.raises(grpc.RpcError) as refused:
                me.GetMe(account.GetMeRequest(), metadata=[("authorization", f"Bearer {other}")])
            assert refused.value.code() in (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED)
        assert service.introspect(exchanged)["active"] is True
        stub = auth_service_pb2_grpc.AuthServiceStub(channel)
        stub.Logout(auth.LogoutRequest(refresh_token=tokens.refresh_token), timeout=30)
    assert service.introspect(exchanged) == {"active": False}
    assert exchange(service, tokens.access_token).error == (400, "invalid_request")
