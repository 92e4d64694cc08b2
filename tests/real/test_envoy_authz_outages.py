"""Two replicas answer Envoy while something is away: the database, a replica, both; and while sessions end at the other one."""

import time
from pathlib import Path

import pytest

import authz
from authz import People, Traffic, figure
from load import Replicas
from oauth import Answer
from programs import free_port, wait_until
from proxies import Envoy
from upstream import Upstream, bearer, call, send

RULES = [
    {"path_prefix": "/open", "access": "open"},
    {"path_prefix": "/any"},
    {"grpc": "shop.v1.Orders/*"},
]
UNKNOWN = (503, "revocations_unknown")


class Shop:
    """Two replicas on one Postgres, and Envoy with the guide's configuration."""

    def __init__(self, folder: Path, database: str, upstream: Upstream, run, changes: dict[str, str] | None = None, **settings: str):
        rules = authz.rules_file(folder, *RULES)
        self.replicas = Replicas(folder, database, run, COUNTERSIGN_AUTHZ_RULES=rules, **settings)
        self.proxy: Envoy = run(authz.envoy(folder, self.replicas.each, upstream, **changes or {}))
        wait_until("Envoy has found both", lambda: self.healthy() == 2)
        self.people = People(self.replicas.each[0])
        self.people.register("alice")

    def healthy(self) -> int:
        return self.proxy.value("cluster.countersign.membership_healthy")

    def get(self, path: str, token: str = "", *headers: tuple[str, str]) -> Answer:
        return send(self.proxy.port, path, *([bearer(token)] if token else []), *headers)

    def checks(self, decision: str, reason: str) -> float:
        """How many requests both replicas have decided so."""
        name = f'countersign_authz_checks_total{{decision="{decision}",reason="{reason}"}}'
        return sum(figure(replica, name) for replica in self.replicas.each)


def test_the_other_replica_hears_of_an_end_within_a_second(tmp_path, postgres, upstream, run):
    shop = Shop(tmp_path, postgres.url(), upstream, run)
    slowest = 0.0
    for _ in range(5):
        tokens = shop.people.log_in("alice")
        # Both have seen it.
        assert {shop.get("/any", tokens.access_token).status for _ in range(10)} == {200}
        shop.people.call("Logout", refresh_token=tokens.refresh_token)
        begun = last = time.monotonic()
        while time.monotonic() - begun < 2:
            if shop.get("/any", tokens.access_token).status == 200:
                last = time.monotonic()
        slowest = max(slowest, last - begun)
    print(f"the last request passed {slowest:.3f} s after the answer to Logout")
    assert slowest < 1


def test_without_the_database_tokens_are_good_for_as_long_as_is_set(tmp_path, postgres, upstream, run):
    shop = Shop(tmp_path, postgres.url(), upstream, run, COUNTERSIGN_AUTHZ_REVOCATIONS_WITHIN="10s")
    token = shop.people.log_in("alice").access_token
    assert {shop.get("/any", token).status for _ in range(10)} == {200}
    postgres.kill()
    begun = time.monotonic()
    refused = wait_until("requests are refused", lambda: (answer := shop.get("/any", token)).status != 200 and answer, 30)
    took = time.monotonic() - begun
    print(f"refused after {took:.1f} s: {refused}; healthy: {shop.healthy()}")
    assert refused.error == UNKNOWN and 8 < took < 14
    assert (refused.headers["x-auth-revocations"], refused.headers["retry-after"]) == ("unknown", "1")
    # The other one may have read the revocations a moment later.
    wait_until("both refuse", lambda: all(shop.get("/any", token).status == 503 for _ in range(10)), 5)
    # Then neither is healthy for Envoy, which asks them all the same.
    wait_until("Envoy has noticed", lambda: shop.healthy() == 0, 10)
    assert shop.get("/any", token).error == UNKNOWN and shop.checks("refused", "revocations_unknown") >= 10
    assert call(shop.proxy.port, "/shop.v1.Orders/List", bearer(token))[0] == "UNAVAILABLE"
    # What needs no token, and what is no good token, is as before.
    assert shop.get("/open").status == 200
    assert shop.get("/any").status == 401 and shop.get("/any", "not-a-token").status == 401
    postgres.start()
    wait_until("requests pass again", lambda: all(shop.get("/any", token).status == 200 for _ in range(10)), 30)


def test_without_the_database_tokens_may_pass_with_a_word_about_it(tmp_path, postgres, upstream, run):
    shop = Shop(tmp_path, postgres.url(), upstream, run, COUNTERSIGN_AUTHZ_REVOCATIONS_WITHIN="1s", COUNTERSIGN_AUTHZ_WHEN_BEHIND="allow")
    token, ended = shop.people.log_in("alice").access_token, shop.people.log_in("alice")
    forged = ("x-auth-revocations", "unknown")
    shop.people.call("Logout", refresh_token=ended.refresh_token)
    wait_until("both have heard of the end", lambda: all(shop.get("/any", ended.access_token).status == 401 for _ in range(10)), 10)

    def word() -> list[str] | None:
        answer = shop.get("/any", token, forged)
        assert answer.status == 200, answer
        return answer.json["headers"].get("x-auth-revocations")

    assert word() is None
    postgres.kill()
    assert wait_until("it is told", word, 20) == ["unknown"]
    assert shop.checks("allowed", "revocations_unknown") >= 1 and shop.healthy() == 2
    assert shop.get("/any", "not-a-token").status == 401
    # What both know to have ended stays so.
    assert {shop.get("/any", ended.access_token).status for _ in range(10)} == {401}
    postgres.start()
    wait_until("it is known again", lambda: all(word() is None for _ in range(10)), 30)


def test_a_replica_that_dies_or_restarts_refuses_nobody(tmp_path, postgres, upstream, run):
    shop = Shop(tmp_path, postgres.url(), upstream, run)
    token = shop.people.log_in("alice").access_token
    with Traffic(shop.proxy.port, ("/any", token), ("/open", "")) as traffic:
        wait_until("traffic", lambda: sum(traffic.seen.values()) > 50)
        shop.replicas.each[0].kill()
        wait_until("Envoy has noticed", lambda: shop.healthy() == 1)
        shop.replicas.each[0].start()
        shop.replicas.wait_until_ready(shop.replicas.each[0])
        wait_until("Envoy has noticed", lambda: shop.healthy() == 2)
        shop.replicas.restart()
    print(traffic.seen)
    assert traffic.seen.keys() == {("/any", 200), ("/open", 200)}


@pytest.mark.short
def test_without_the_service_nothing_passes(tmp_path, upstream, run):
    server = run(authz.authorizer(tmp_path, *RULES, COUNTERSIGN_GRPC_ADDR=f"127.0.0.1:{free_port()}"))
    proxy = run(authz.envoy(tmp_path, [server], upstream))
    people = People(server)
    people.register("alice")
    token = people.log_in("alice").access_token
    assert send(proxy.port, "/any", bearer(token)).status == 200
    server.kill()
    allowed = ("x-envoy-auth-failure-mode-allowed", "true")
    for path in "/any", "/open":
        answer = send(proxy.port, path, bearer(token), allowed)
        assert (answer.status, answer.text) == (503, ""), answer
    assert call(proxy.port, "/shop.v1.Orders/List", bearer(token))[:2] == ("UNAVAILABLE", "")
    server.start()
    wait_until("requests pass again", lambda: send(proxy.port, "/any", bearer(token)).status == 200, 20)
