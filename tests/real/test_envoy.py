"""What the guides for Envoy promise: health checks, retries, JSON, and tokens that Envoy verifies."""

import base64
import json
import signal
import ssl
import subprocess
import sys
import textwrap
import time
import urllib.error
import urllib.request
from concurrent import futures

import pytest

import authz
import guides
import load
from countersign import ISSUER, PASSWORD, ROOT
from load import Replicas, log_in
from programs import free_port, wait_until
from proxies import Envoy, envoy
from upstream import Upstream, bearer, send

FORGED = ("x-user-id", "forged")


@pytest.fixture
def replicas(tmp_path, postgres, run) -> Replicas:
    return Replicas(tmp_path, postgres.url(), run, COUNTERSIGN_TRUSTED_PROXIES="127.0.0.1")


def healthy_hosts(proxy: Envoy) -> int:
    return proxy.value("cluster.countersign.membership_healthy")


def test_a_replica_that_drains_leaves_the_balance_even_before_any_traffic(tmp_path, replicas, run):
    load.certificate(tmp_path)
    proxy = run(envoy(tmp_path, replicas))
    assert healthy_hosts(proxy) == 2
    begun = time.monotonic()
    replicas.each[0].signal(signal.SIGTERM)
    replicas.each[0].wait_for("is out of Envoy's balance while it still serves", lambda: healthy_hosts(proxy) == 1)
    print(f"Envoy has noticed after {time.monotonic() - begun:.1f} s; the drain delay is 5 s")


def test_calls_to_a_replica_that_died_are_tried_on_the_other(tmp_path, replicas, run):
    from auth.v1 import token_service_pb2 as tokens
    from auth.v1 import token_service_pb2_grpc

    ca = load.certificate(tmp_path)
    proxy = run(envoy(tmp_path, replicas))
    stub = token_service_pb2_grpc.TokenServiceStub(load.secure_channel(proxy.port, ca))

    def ask(_) -> bool:
        return len(stub.GetJwks(tokens.GetJwksRequest(), timeout=10).keys) > 0

    with futures.ThreadPoolExecutor(40) as pool:
        assert all(pool.map(ask, range(40)))
        replicas.each[0].kill()
        assert all(pool.map(ask, range(40)))
    retries = {what: proxy.value(f"cluster.countersign.{what}") for what in ("upstream_rq_retry", "upstream_rq_retry_overflow")}
    print(retries)
    assert retries["upstream_rq_retry"] > 0 and retries["upstream_rq_retry_overflow"] == 0


def ask(url: str, body: dict | None = None, headers: dict[str, str] | None = None, ca=None) -> tuple[int, dict]:
    """Status and body of the answer: to a POST if there is something to send."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"content-type": "application/json"} | (headers or {}))
    try:
        answer = urllib.request.urlopen(request, timeout=20, context=ca and ssl.create_default_context(cafile=ca))
    except urllib.error.HTTPError as error:
        answer = error
    with answer:
        text = answer.read().decode()
        return answer.status, json.loads(text) if text.startswith("{") else {"text": text}


@pytest.mark.short
def test_json_becomes_grpc_and_errors_keep_their_details(tmp_path, replicas, run):
    replacements = {"tools/bin/python": sys.executable, "-Iproto": f"-I{ROOT / 'proto'}", "-Ithird_party": f"-I{ROOT / 'third_party'}", "/etc/envoy/": f"{tmp_path}/"}
    guides.write("envoy-json", tmp_path, replacements)
    subprocess.run(["sh", "-e", "descriptor.sh"], cwd=tmp_path, check=True)
    router = "                  - name: router\n"
    json_filter = textwrap.indent((tmp_path / "json-filter.yaml").read_text(), " " * 18)
    ca = load.certificate(tmp_path)
    proxy = run(envoy(tmp_path, replicas, **{router: json_filter + router}))

    def call(path: str, body: dict | None = None, headers: dict[str, str] | None = None) -> tuple[int, dict]:
        answer = ask(f"https://localhost:{proxy.port}/v1/{path}", body, headers, ca)
        print(path, answer)
        return answer

    person = {"username": "alice", "email": "alice@example.com", "password": PASSWORD}
    assert call("users:register", person)[0] == 200
    status, body = call("sessions:login", {"username": "alice", "password": PASSWORD})
    assert status == 200
    token = body["tokens"]["accessToken"]
    status, body = call("me", headers={"authorization": f"Bearer {token}"})
    assert (status, body["user"]["username"], body["user"]["twoFactorEnabled"]) == (200, "alice", False)

    def reasons(body: dict) -> dict[str, dict]:
        return {detail["@type"].rsplit(".", 1)[1]: detail for detail in body["details"]}

    status, body = call("sessions:login", {"username": "alice", "password": "wrong horse"})
    assert (status, body["code"], reasons(body)["ErrorInfo"]["reason"]) == (401, 16, "INVALID_CREDENTIALS")
    status, body = call("users:register", person | {"username": "bob", "email": "no address"})
    assert (status, reasons(body)["BadRequest"]["fieldViolations"][0]["field"]) == (400, "email")
    assert call("users:fly", {})[0] == 404
    # gRPC goes through the same port as before.
    assert log_in(load.secure_channel(proxy.port, ca), "carol")


def verifying(tmp_path, replicas: Replicas, upstream: Upstream, run, **changes: str) -> int:
    """Envoy with the guide for tokens, in front of a service. Its port."""
    port = free_port()
    replacements = {
        "address: 0.0.0.0, port_value: 8000": f"address: 127.0.0.1, port_value: {port}",
        "address: 10.0.0.21, port_value: 3000": f"address: 127.0.0.1, port_value: {upstream.http}",
        "issuer: https://auth.example.com": f"issuer: {ISSUER}",
    }
    for number, address in enumerate(("10.0.0.11", "10.0.0.12")):
        there = f"address: {address}, port_value: 8080"
        replacements[there] = f"address: 127.0.0.1, port_value: {replicas.port(number, 'http')}"
    guides.write("envoy-jwt", tmp_path, replacements | changes)
    run(Envoy(tmp_path, port, file="envoy-jwt.yaml"))
    return port


@pytest.mark.short
def test_envoy_lets_good_tokens_through_and_refuses_bad_ones(tmp_path, replicas, upstream, run):
    from auth.v1 import token_service_pb2 as tokens
    from auth.v1 import token_service_pb2_grpc

    channel = replicas.each[0].channel()
    token = log_in(channel, "alice")
    claims = token_service_pb2_grpc.TokenServiceStub(channel).IntrospectToken(tokens.IntrospectTokenRequest(token=token)).claims
    port = verifying(tmp_path, replicas, upstream, run)

    seen = send(port, "/", bearer(token), FORGED).json["headers"]
    assert (seen["x-user-id"], seen["authorization"]) == ([claims.sub], [f"Bearer {token}"])
    head, payload, signature = token.split(".")
    other = f"{head}.{payload}.{'A' if signature[0] != 'A' else 'B'}{signature[1:]}"
    for what, headers in {
        "no token": FORGED,
        "another signature": bearer(other),
        "not a token": bearer("abc"),
    }.items():
        answer = send(port, "/", headers)
        assert answer.status == 401, (what, answer)


def test_envoy_refuses_tokens_for_others(tmp_path, replicas, upstream, run):
    token = log_in(replicas.each[0].channel(), "alice")
    port = verifying(tmp_path, replicas, upstream, run, **{"audiences: [countersign]": "audiences: [billing]"})
    assert send(port, "/", bearer(token)).status == 403


def test_a_forged_header_does_not_pass_where_a_token_may_be_missing(tmp_path, replicas, upstream, run):
    both = "requires: { requires_any: { requirements: [{ provider_name: countersign }, { allow_missing: {} }] } }"
    port = verifying(tmp_path, replicas, upstream, run, **{"requires: { provider_name: countersign }": both})
    answer = send(port, "/", FORGED)
    assert answer.status == 200 and "x-user-id" not in answer.json["headers"]


def keys(replicas: Replicas, *command: str) -> str:
    replica = replicas.each[0]
    done = subprocess.run([replica.command[0], "keys", *command], env=replica.environment, check=True, capture_output=True, text=True)
    return done.stdout


def key_id(token: str) -> str:
    head = token.split(".")[0]
    return json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))["kid"]


def test_a_token_of_a_key_that_signs_at_once_is_accepted_when_the_cached_set_is_old(tmp_path, replicas, upstream, run):
    """`keys rotate --now`: refused for as long as Envoy keeps the set, and no longer. Ten seconds here instead of the guide's 300."""
    from auth.v1 import auth_service_pb2 as auth
    from auth.v1 import auth_service_pb2_grpc

    channel = replicas.each[0].channel()
    before = log_in(channel, "alice")
    port = verifying(tmp_path, replicas, upstream, run, **{"cache_duration: 300s": "cache_duration: 10s"})
    assert send(port, "/", bearer(before)).status == 200
    keys(replicas, "rotate", "--now")
    stub = auth_service_pb2_grpc.AuthServiceStub(channel)

    def of_another_key() -> str | None:
        token = stub.Login(auth.LoginRequest(username="alice", password=PASSWORD)).tokens.access_token
        return token if key_id(token) != key_id(before) else None

    token = wait_until("the new key signs", of_another_key)
    begun = time.monotonic()
    first = send(port, "/", bearer(token)).status
    wait_until("Envoy accepts it", lambda: send(port, "/", bearer(token)).status == 200)
    print(f"first {first}; accepted {time.monotonic() - begun:.1f} s after the new key signed")
    assert time.monotonic() - begun < 20
    assert send(port, "/", bearer(before)).status == 200


def between(text: str, begin: str, end: str) -> str:
    return text.partition(begin)[2].partition(end)[0]


def asking_as_well(tmp_path, replicas: Replicas, upstream: Upstream, run) -> int:
    """Envoy that verifies tokens by the guide for tokens, which is in the folder, and asks the service, too. Its port."""
    verifying = (tmp_path / "envoy-jwt.yaml").read_text()
    filters, clusters = "                http_filters:\n", "  clusters:\n"
    verify = between(verifying, filters, "                  - name: router\n").replace("cluster: countersign,", "cluster: keys,")
    keys = verifying.partition("    - name: countersign\n")[2].replace("cluster_name: countersign", "cluster_name: keys")
    folder = tmp_path / "authz"
    folder.mkdir()
    changes = {filters: filters + verify, clusters: f"{clusters}    - name: keys\n{keys}"}
    return run(authz.envoy(folder, replicas.each, upstream, **changes)).port


def test_a_plain_rotation_with_the_shortest_lead_refuses_no_token(tmp_path, postgres, upstream, run):
    """Eight minutes: three in which all replicas publish the key, and COUNTERSIGN_KEY_LEAD=5m, which is as long as the guide's
    `cache_duration`. Through Envoy that verifies tokens (jwt_authn), and through one that also asks the service (ext_authz)."""
    from auth.v1 import auth_service_pb2 as auth
    from auth.v1 import auth_service_pb2_grpc

    rules = authz.rules_file(tmp_path, {"path_prefix": "/"})
    replicas = Replicas(tmp_path, postgres.url(), run, COUNTERSIGN_KEY_LEAD="5m", COUNTERSIGN_AUTHZ_RULES=rules)
    channel = replicas.each[0].channel()
    log_in(channel, "alice")
    # Of somebody whose session lasts: a hundred more logins end the oldest one of alice.
    before = log_in(channel, "bob")
    ports = [verifying(tmp_path, replicas, upstream, run), asking_as_well(tmp_path, replicas, upstream, run)]
    print(keys(replicas, "rotate"))
    stub = auth_service_pb2_grpc.AuthServiceStub(channel)
    refused, seen = [], 0

    def signed_by_the_next() -> bool:
        nonlocal seen
        token = stub.Login(auth.LoginRequest(username="alice", password=PASSWORD)).tokens.access_token
        for port in ports:
            # Twice: each of the two replicas is asked.
            for each in token, token, before:
                if (status := send(port, "/", bearer(each)).status) != 200:
                    refused.append((port, key_id(each), status))
        time.sleep(0.5)
        seen += key_id(token) != key_id(before)
        return seen >= 20

    begun = time.monotonic()
    wait_until("twenty tokens of the new key", signed_by_the_next, 600)
    print(f"the new key signs after {time.monotonic() - begun:.0f} s; refused: {refused}")
    assert not refused
    asked = sum(authz.figure(each, 'countersign_authz_checks_total{decision="allowed",reason="token"}') for each in replicas.each)
    assert asked > 100
