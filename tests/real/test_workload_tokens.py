"""Tokens of workloads as Kubernetes and SPIRE make them, and key sets that others publish: a service's only proof of who it is."""

import http.server
import json
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from issuer import Issuer
from languages import ISSUER, guide
from oauth import CLIENT_CREDENTIALS, JWT_BEARER, JWT_SPIFFE, Account, Answer, SigningKey, claims, create, post
from programs import running, wait_until

POD = "system:serviceaccount:shop:orders"
SVID = "spiffe://example.org/ns/shop/sa/orders"


@dataclass
class Publisher:
    """Serves documents on loopback, and counts how often each was asked for."""

    documents: dict[str, dict] = field(default_factory=dict)
    asked: Counter = field(default_factory=Counter)

    def __post_init__(self) -> None:
        publisher = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                publisher.asked[self.path] += 1
                found = publisher.documents.get(self.path)
                body = json.dumps(found or {}).encode()
                self.send_response(200 if found else 404)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Nothing."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@dataclass(frozen=True)
class Cluster:
    """A server that believes in a Kubernetes cluster and in a trust domain of SPIFFE."""

    server: Issuer
    publisher: Publisher
    # The cluster changes from the one to the other: both are in its set.
    rsa: SigningKey
    ec: SigningKey
    svid: SigningKey
    pod: Account
    workload: Account

    def pod_token(self, key: SigningKey | None = None, **changes: object) -> str:
        """As the API server makes it for a projected volume: a header of alg and kid alone, audiences as a list."""
        now = int(time.time())
        usual = {
            "aud": [self.server.url], "exp": now + 3607, "iat": now, "iss": self.publisher.url, "jti": str(uuid.uuid4()),
            "kubernetes.io": {
                "namespace": "shop", "node": {"name": "node-1", "uid": str(uuid.uuid4())}, "pod": {"name": "orders-0", "uid": str(uuid.uuid4())},
                "serviceaccount": {"name": "orders", "uid": str(uuid.uuid4())}, "warnafter": now + 3607,
            },
            "nbf": now, "sub": POD,
        }  # fmt: skip
        return (key or self.rsa).sign({"typ": None}, **(usual | changes))

    def jwt_svid(self, header: dict | None = None, **changes: object) -> str:
        """As SPIRE makes it."""
        now = int(time.time())
        return self.svid.sign(header, **({"aud": [self.server.url], "exp": now + 300, "iat": now, "sub": SVID} | changes))

    def show(self, assertion: str, kind: str = JWT_BEARER, **form: str) -> Answer:
        shown = {"client_assertion_type": kind, "client_assertion": assertion}
        return post(f"{self.server.url}/oauth2/token", {"grant_type": CLIENT_CREDENTIALS} | shown | form)


def settings(publisher: Publisher) -> dict[str, str]:
    trust = f"{publisher.url} spiffe://example.org={publisher.url}/bundle"
    networks = {"COUNTERSIGN_FETCH_PRIVATE": "127.0.0.0/8"}
    return {"COUNTERSIGN_TOKEN_ISSUERS": trust, "COUNTERSIGN_AUDIENCE": "countersign,shop"} | networks


def accounts(server: Issuer, publisher: Publisher) -> tuple[Account, Account]:
    pod = create(server, "pod", "--no-key", "--grant-scope", "orders.read", "--grant-audience", "shop", "--workload", f"{publisher.url},{POD}")
    workload = create(server, "workload", "--no-key", "--grant-scope", "orders.read", "--workload", f"spiffe://example.org,{SVID}")
    return pod, workload


def published(key: SigningKey, **changes: object) -> dict:
    """A public key; None leaves a member out."""
    members = key.jwk() | changes
    members.pop("key_ops", None)
    return {name: value for name, value in members.items() if value is not None}


@pytest.fixture(scope="module")
def cluster(stubs, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    publisher = Publisher()
    rsa, ec, svid, authority = (SigningKey(kind, f"{kind}-{at}") for at, kind in enumerate(("RS256", "ES256", "ES256", "ES256")))
    publisher.documents |= {
        "/.well-known/openid-configuration": {
            "issuer": publisher.url, "jwks_uri": f"{publisher.url}/openid/v1/jwks", "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"], "id_token_signing_alg_values_supported": ["RS256", "ES256"],
        },
        "/openid/v1/jwks": {"keys": [published(rsa), published(ec)]},
        # A bundle also has what X.509-SVIDs are verified by, and members of its own.
        "/bundle": {
            "keys": [published(authority, use="x509-svid", kid=None, alg=None, x5c=["MIIB"]), published(svid, use="jwt-svid", alg=None)],
            "spiffe_sequence": 7, "spiffe_refresh_hint": 300,
        },
    }  # fmt: skip
    try:
        with running(Issuer(tmp_path_factory.mktemp("server"), **settings(publisher))) as server:
            yield Cluster(server, publisher, rsa, ec, svid, *accounts(server, publisher))
    finally:
        publisher.close()


def good(answer: Answer) -> dict:
    assert answer.status == 200, answer
    return claims(answer.json["access_token"])


@pytest.mark.short
def test_a_token_of_kubernetes(cluster):
    for key in (cluster.rsa, cluster.ec):
        found = good(cluster.show(cluster.pod_token(key), scope="orders.read", audience="shop"))
        assert (found["sub"], found["scope"], found["aud"]) == (cluster.pod.id, "orders.read", "shop")
    # The one that is mounted is shown again and again until it is renewed.
    mounted = cluster.pod_token()
    assert [cluster.show(mounted).status for _ in range(3)] == [200] * 3
    assert good(cluster.show(mounted, client_id=cluster.pod.id))["sub"] == cluster.pod.id
    # Keys are kept.
    assert cluster.publisher.asked["/openid/v1/jwks"] <= 2


@pytest.mark.short
def test_a_jwt_svid(cluster):
    for header in ({}, {"typ": "JOSE"}, {"typ": None}):
        assert good(cluster.show(cluster.jwt_svid(header)))["sub"] == cluster.workload.id
    assert good(cluster.show(cluster.jwt_svid(), JWT_SPIFFE, scope="orders.read"))["scope"] == "orders.read"
    assert cluster.show(cluster.jwt_svid(iss="https://spire.example.org")).status == 200


@pytest.mark.short
def test_tokens_that_prove_nothing(cluster):
    now = int(time.time())
    stranger = SigningKey("RS256", cluster.rsa.kid)
    for what, token in {
        "for the API server": cluster.pod_token(aud=["https://kubernetes.default.svc"]),
        "without an audience": cluster.pod_token(aud=None),
        "for an empty list": cluster.pod_token(aud=[]),
        "of another workload": cluster.pod_token(sub="system:serviceaccount:shop:other"),
        "of another cluster": cluster.pod_token(iss="https://other.example.com"),
        "ended": cluster.pod_token(exp=now - 120, iat=now - 4000, nbf=now - 4000),
        "not yet good": cluster.pod_token(nbf=now + 600),
        "of a stranger": cluster.pod_token(stranger),
        "of SPIFFE's key": cluster.pod_token(cluster.svid),
        "an SVID without an audience": cluster.jwt_svid(aud=None),
        "an SVID of another trust domain": cluster.jwt_svid(sub="spiffe://other.example/ns/shop/sa/orders"),
        "an SVID of another workload": cluster.jwt_svid(sub=f"{SVID}2"),
        "an SVID without kid": cluster.jwt_svid({"kid": None}),
        "an SVID without an end": cluster.jwt_svid(exp=None),
        "an SVID by Kubernetes' key": cluster.ec.sign(sub=SVID, aud=[cluster.server.url], exp=now + 300),
    }.items():
        status, error = cluster.show(token).error
        assert status in (400, 401) and error == "invalid_client", what
    assert cluster.show(cluster.pod_token(), client_id=cluster.workload.id).error[1] in ("invalid_client", "invalid_request")


def test_a_new_key_of_the_cluster_is_found(cluster):
    """Half a minute after the set was fetched last, at the latest."""
    new = SigningKey("ES256", "new")
    cluster.publisher.documents["/openid/v1/jwks"]["keys"].append(published(new))
    found = wait_until("the new key is believed", lambda: (answer := cluster.show(cluster.pod_token(new))).status == 200 and answer, 60)
    assert good(found)["sub"] == cluster.pod.id


def test_an_account_whose_keys_are_at_a_url(cluster):
    key, late = SigningKey("RS256", "one"), SigningKey("EdDSA", "two")
    cluster.publisher.documents["/orders/jwks"] = {"keys": [published(key)]}
    account = create(cluster.server, "published", "--no-key", "--jwks-url", f"{cluster.publisher.url}/orders/jwks")

    def assertion(key: SigningKey) -> str:
        now = int(time.time())
        return key.sign(iss=account.id, sub=account.id, aud=cluster.server.url, iat=now, exp=now + 60, jti=str(uuid.uuid4()))

    assert good(cluster.show(assertion(key)))["sub"] == account.id
    assert cluster.show(assertion(late)).error[1] == "invalid_client"
    cluster.publisher.documents["/orders/jwks"]["keys"].append(published(late))
    wait_until("the new key is believed", lambda: cluster.show(assertion(late)).status == 200, 60)


@pytest.mark.short
def test_private_networks_are_not_asked_unless_the_operator_says_so(cluster, tmp_path, run):
    publisher = Publisher(dict(cluster.publisher.documents))
    closed = {name: value for name, value in settings(publisher).items() if name != "COUNTERSIGN_FETCH_PRIVATE"}
    server = run(Issuer(tmp_path, **closed))
    one = Cluster(server, publisher, cluster.rsa, cluster.ec, cluster.svid, *accounts(server, publisher))
    for token in (one.pod_token(), one.jwt_svid()):
        answer = one.show(token)
        assert answer.status >= 400 and answer.error[1] in ("invalid_client", "temporarily_unavailable", "server_error")
    assert not publisher.asked
    publisher.close()


@pytest.mark.short
def test_x_oauth2_with_a_mounted_token(cluster, tmp_path, run):
    go = guide("services-go", "go", tmp_path, {ISSUER: cluster.server.url})
    talker = run(go.service(tmp_path, "x-oauth2", Path("/etc/ssl/certs/ca-certificates.crt")))
    mounted = tmp_path / "token"
    for token, account in ((cluster.pod_token(), cluster.pod), (cluster.jwt_svid(), cluster.workload)):
        mounted.write_text(token)
        answer = talker.ask(op="workload", key=str(mounted), scope="orders.read", audience="shop" if account == cluster.pod else "")
        assert claims(answer["access_token"])["sub"] == account.id, answer
    mounted.write_text("x.y.z")
    assert "invalid_client" in talker.ask(op="workload", key=str(mounted), scope="orders.read")["error"]
