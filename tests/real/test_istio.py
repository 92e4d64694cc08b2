"""What Istio makes of the guide's RequestAuthentication and AuthorizationPolicy: istiod's own code translates them, and Envoy runs the result.

There is no mesh: no Kubernetes, no mutual TLS, and Envoy as its project publishes it in the place of Istio's build of it.
"""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import guides
from issuer import Issuer
from languages import HERE, ISSUER, Talker, installed
from programs import free_port, wait_until
from proxies import Envoy
from test_verifiers import Maker, forgeries, key_set, kid, maker  # noqa: F401  (a fixture)
from upstream import Upstream, bearer, send

KEYS = "http://countersign-keys.auth.svc.cluster.local:8080"
FORGED = ("x-user-id", "forged")
SESSION = "01a20c4a-7f81-73a5-ade7-0a4d27c6130d"
# Seconds for which Envoy takes a token after its end, where nothing else is said, and RequestAuthentication has no word for it.
SKEW = 60


@pytest.fixture(scope="module")
def program() -> Path:
    """Compiled once for each version of its files; the first time takes minutes."""
    sources = [HERE / "go/istio" / name for name in ("main.go", "go.mod", "go.sum")]
    return installed("istio", sources, ["env", "CGO_ENABLED=0", "go", "build", "-o", "program", "."]) / "program"


def http(name: str) -> str:
    return f"type.googleapis.com/envoy.extensions.filters.{name}"


class Sidecar(Envoy):
    """Envoy before `orders`, with the HTTP filters of istiod; `follow` gives it those of istiod's next push."""

    def __init__(self, folder: Path, upstream: Upstream, istiod: Talker):
        self.istiod, self.listeners = istiod, folder / "listeners.json"
        super().__init__(folder, free_port(), file="sidecar.json")
        endpoint = {"endpoint": {"address": self._address(upstream.http)}}
        cluster = {"name": "orders", "load_assignment": {"cluster_name": "orders", "endpoints": [{"lb_endpoints": [endpoint]}]}}
        (folder / "sidecar.json").write_text(json.dumps({
            "node": {"id": "orders", "cluster": "shop"},
            "static_resources": {"clusters": [cluster]},
            "dynamic_resources": {"lds_config": {"path_config_source": {"path": str(self.listeners)}}},
        }))  # fmt: skip
        self.follow()

    @staticmethod
    def _address(port: int) -> dict:
        return {"socket_address": {"address": "127.0.0.1", "port_value": port}}

    def follow(self) -> None:
        filters = self.istiod.answer()["filters"]
        router = {"name": "router", "typed_config": {"@type": http("http.router.v3.Router")}}
        manager = {
            "@type": http("network.http_connection_manager.v3.HttpConnectionManager"),
            "stat_prefix": "inbound",
            # As Istio has it, unless `pathNormalization` is set.
            "normalize_path": True,
            "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "orders"}}]}]},
            "http_filters": [*filters, router],
        }
        listener = {
            "@type": "type.googleapis.com/envoy.config.listener.v3.Listener",
            "name": "inbound",
            "address": self._address(self.port),
            "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
        }
        # Envoy looks again when a file is moved there.
        new = self.listeners.with_suffix(".new")
        new.write_text(json.dumps({"resources": [listener]}))
        new.rename(self.listeners)


@pytest.fixture
def sidecar(tmp_path, program, upstream, run) -> Callable[..., Sidecar]:
    """The sidecar of a pod of `orders`, where the guide's objects have been applied."""

    def start(issuer: str, changes: dict[str, str] | None = None, **environment: str) -> Sidecar:
        folder = tmp_path / "mesh"
        folder.mkdir()
        guides.write("istio", folder, {ISSUER: issuer, KEYS: issuer} | (changes or {}))
        istiod = run(Talker("istiod", [program, "orders.yaml", "shop", "orders"], folder, os.environ | environment))
        return run(Sidecar(folder, upstream, istiod))

    return start


def status(sidecar: Sidecar, token: str, path: str = "/") -> int:
    return send(sidecar.port, path, bearer(token), FORGED).status


def test_a_user_gets_in_and_nobody_else_does(tmp_path, sidecar, run):
    server = run(Issuer(tmp_path))
    token = server.token("countersign")
    proxy = sidecar(server.url)
    answer = send(proxy.port, "/", bearer(token), FORGED)
    assert answer.status == 200, answer
    seen = answer.json["headers"]
    assert seen["authorization"] == [f"Bearer {token}"] and seen["x-user-id"] != [FORGED[1]]
    assert send(proxy.port, "/", FORGED).status == 403
    for what, forged in forgeries(token, key_set(server.url)).items():
        print(f"{what}: {status(proxy, forged)}")
        assert status(proxy, forged) == 401, what
    assert status(proxy, server.token("another")) == 403
    assert [status(proxy, token, path) for path in ("/", "/admin", "/admin/users")] == [200, 403, 403]


def test_claims_and_times(maker: Maker, sidecar):  # noqa: F811
    proxy = sidecar(maker.url)

    def asked(path: str = "/", **claims: object) -> int:
        return status(proxy, maker.token(**{"sid": SESSION} | claims), path)

    now = int(time.time())
    seen = {
        "a user": asked(),
        "an administrator": asked("/admin/users", roles=["support", "admin"]),
        "roles that are none": asked("/admin/users", roles=["administrator"]),
        "a service": asked(sid=None),
        "a service for a user": asked(act={"sub": "01a20c4a04297775a845ad388fc19430"}),
        "two slashes": asked("//admin/users"),
        "another issuer": asked(iss="https://issuer.example"),
        "another audience": asked(aud="another"),
        "ended a minute ago": asked(exp=now - SKEW - 2),
        "ended half a minute ago": asked(exp=now - SKEW // 2),
        "without an end": asked(exp=None),
    }
    print(seen)
    assert seen == {
        "a user": 200,
        "an administrator": 200,
        "roles that are none": 403,
        "a service": 403,
        "a service for a user": 403,
        "two slashes": 200,
        "another issuer": 401,
        "another audience": 403,
        "ended a minute ago": 401,
        "ended half a minute ago": 200,
        "without an end": 200,
    }


def test_services_get_in_by_their_scope(maker: Maker, sidecar):  # noqa: F811
    users = "      to: [{ operation: { notPaths: [/admin, /admin/*] } }]\n"
    services = '      when: [{ key: "request.auth.claims[scope]", values: [orders.read] }]\n    - from: [{ source: { requestPrincipals: ["*"] } }]\n'
    proxy = sidecar(maker.url, {users: services + users})
    seen = {scope: status(proxy, maker.token(scope=scope)) for scope in (None, "orders.read", "a orders.read b", "orders.reader")}
    print(seen)
    assert list(seen.values()) == [403, 200, 200, 403]
    assert status(proxy, maker.token(sid=SESSION)) == 200


def test_a_new_key_waits_for_istiods_next_fetch(tmp_path, sidecar, run):
    """Two seconds here instead of twenty minutes."""
    server = run(Issuer(tmp_path))
    old = server.token("countersign")
    proxy = sidecar(server.url, PILOT_JWT_PUB_KEY_REFRESH_INTERVAL="2s")
    assert status(proxy, old) == 200

    def rotated(before: str, *options: str) -> str:
        server.rotate(*options)
        return wait_until("the new key signs", lambda: (token := server.token("countersign")) and kid(token) != kid(before) and token)

    new = rotated(old)
    assert status(proxy, new) == 401
    proxy.follow()
    wait_until("the new key is taken", lambda: status(proxy, new) == 200)
    assert status(proxy, old) == 200
    newest = rotated(new, "--revoke-current")
    assert [status(proxy, token) for token in (new, newest)] == [200, 401]
    proxy.follow()
    wait_until("the newest key is taken", lambda: status(proxy, newest) == 200)
    assert status(proxy, new) == 401
