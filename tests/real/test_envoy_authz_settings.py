"""What docs/guides/envoy-authz.md warns of, and TLS between Envoy and the service."""

from pathlib import Path

import pytest

import authz
import guides
from authz import GUIDE, People, metrics
from certificates import Authority
from issuer import Issuer, SecureIssuer
from proxies import Envoy
from upstream import Upstream, bearer, call, send
from volume import Volume

RULES = [{"path_prefix": "/open", "access": "open"}, {"path_prefix": "/any", "headers": {"x-tenant": "tenant"}}]
FORGED = [("x-auth-user-id", "forged"), ("x_auth_user_id", "forged"), ("x-tenant", "gold")]
FILTER = "                      failure_mode_allow: false\n"
ROUTES = "                      routes:\n"


@pytest.fixture
def server(tmp_path, run):
    return run(authz.authorizer(tmp_path, *RULES))


def token(server) -> str:
    people = People(server)
    people.register("alice", "--claims", '{"tenant": "copper"}')
    return people.log_in("alice").access_token


@pytest.mark.short
def test_the_guides_rules_are_taken(tmp_path, upstream, run):
    guides.write(GUIDE, tmp_path, {})
    server = run(Issuer(tmp_path, COUNTERSIGN_AUTHZ_RULES=str(tmp_path / "rules.json")))
    alice, proxy = token(server), run(authz.envoy(tmp_path, [server], upstream))
    assert send(proxy.port, "/health").status == 200
    assert send(proxy.port, "/admin", bearer(alice)).status == 403
    assert send(proxy.port, "/orders/7", bearer(alice)).json["headers"]["x-tenant"] == ["copper"]
    assert send(proxy.port, "/orders/7/items", bearer(alice), method="POST").status == 200
    assert send(proxy.port, "/elsewhere", bearer(alice)).status == 403
    assert call(proxy.port, "/shop.v1.Orders/List")[0] == "UNAUTHENTICATED"
    assert call(proxy.port, "/shop.v1.Orders/List", bearer(alice))[0] == "OK"


def test_a_header_of_the_caller_chooses_no_route_where_routes_are_chosen_anew(tmp_path, server, upstream, run):
    """`clear_route_cache`."""
    gold = f"""{ROUTES}                        - match: {{ prefix: /any, headers: [{{ name: x-tenant, string_match: {{ exact: gold }} }}] }}
                          direct_response: {{ status: 204 }}\n"""
    alice, allowed = token(server), {}
    for anew in (False, True):
        folder = tmp_path / str(anew)
        folder.mkdir()
        changes = {ROUTES: gold, FILTER: f"{FILTER}                      clear_route_cache: {str(anew).lower()}\n"}
        proxy = run(authz.envoy(folder, [server], upstream, **changes))
        allowed[anew] = send(proxy.port, "/any", bearer(alice), ("x-tenant", "gold")).status
    assert allowed == {False: 204, True: 200}


def test_a_route_without_the_filter_lets_forged_headers_through(tmp_path, server, upstream, run):
    disabled = f"""{ROUTES}                        - match: {{ prefix: /open }}
                          route: {{ cluster: orders }}
                          typed_per_filter_config:
                            countersign:
                              "@type": type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute
                              disabled: true\n"""
    heard = {}
    for name, changes in {"by a rule": {}, "without the filter": {ROUTES: disabled}}.items():
        folder = tmp_path / name
        folder.mkdir()
        proxy = run(authz.envoy(folder, [server], upstream, **changes))
        heard[name] = send(proxy.port, "/open", *FORGED).json["headers"].get("x-auth-user-id")
    assert heard == {"by a rule": None, "without the filter": ["forged"]}


def test_headers_that_the_service_is_not_told_of_are_not_taken_away(tmp_path, server, upstream, run):
    """`allowed_headers`."""
    few = f"""{FILTER}                      allowed_headers: {{ patterns: [{{ exact: authorization }}] }}\n"""
    heard = {}
    for name, changes in {"all": {}, "few": {FILTER: few}}.items():
        folder = tmp_path / name
        folder.mkdir()
        proxy = run(authz.envoy(folder, [server], upstream, **changes))
        headers = send(proxy.port, "/open", *FORGED).json["headers"]
        heard[name] = {name for name, _ in FORGED if name in headers}
    assert heard == {"all": set(), "few": {"x_auth_user_id"}}


def secured(folder: Path, server: SecureIssuer, upstream: Upstream, identity: Volume) -> Envoy:
    """Envoy that shows its certificate, by this guide and the one for certificates."""
    texts = guides.files("envoy-mtls")
    for name in ("identity.yaml", "authority.yaml"):
        (folder / name).write_text(texts[name].replace("/etc/envoy/tls", str(identity.folder)))
    socket = guides.files(GUIDE)["transport-socket.yaml"].replace("/etc/envoy", str(folder))
    timeout = "      connect_timeout: 0.25s\n"
    changes = {timeout: timeout + socket, "static_resources:\n": "node: { id: envoy, cluster: envoy }\nstatic_resources:\n"}
    return authz.envoy(folder, [server], upstream, **changes)


@pytest.mark.short
def test_only_those_who_have_the_permission_may_ask(tmp_path, upstream, run):
    callers = Authority(tmp_path / "callers", "callers")
    server = SecureIssuer(
        tmp_path, COUNTERSIGN_AUTHZ_RULES=authz.rules_file(tmp_path, *RULES), COUNTERSIGN_TLS_CLIENT_CA=str(callers.chain),
        COUNTERSIGN_TLS_CLIENT_AUTH="required", COUNTERSIGN_HTTP_TLS_CLIENT_AUTH="off",
        COUNTERSIGN_CALLERS="spiffe://example.org/ns/shop/sa/gateway = authorize; anyone = register",
    )  # fmt: skip
    server.certificate = callers.issue("client", "URI:spiffe://example.org/ns/shop/sa/client")
    run(server)
    alice = token(server)
    identity = Volume(tmp_path / "identity")

    def show(name: str) -> None:
        made = callers.issue(name, f"URI:spiffe://example.org/ns/shop/sa/{name}")
        trusted = server.authority.chain.read_text()
        identity.write({"tls.crt": made.chain.read_text(), "tls.key": made.key.read_text(), "ca.crt": trusted})

    for name, status in {"gateway": 200, "orders": 503}.items():
        show(name)
        proxy = run(secured(tmp_path, server, upstream, identity))
        # Also where it needs no token.
        assert {send(proxy.port, path, bearer(alice)).status for path in ("/any", "/open")} == {status}, name
    assert 'grpc_service="envoy.service.auth.v3.Authorization",grpc_method="Check",grpc_code="PERMISSION_DENIED"' in metrics(server)
