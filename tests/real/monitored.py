"""A Prometheus that watches replicas under load, with the alert rules of deploy/: two on one Postgres, and one with TLS that nobody calls."""

import contextlib
import json
import math
import threading
import urllib.parse
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from certificates import Authority
from compose import RULES as AUTHZ_RULES, envoy, get
from countersign import ROOT, Countersign
from every_rpc import SETTINGS, World
from load import Load, Replicas, log_in, mixed_calls
from postgres import Postgres
from programs import Program, free_port, wait_until

RULES = ROOT / "deploy/prometheus/alerts.yaml"
# As scripts/tools has unpacked it.
BINARY = ROOT / ".tools/bin/prometheus"
JOB = "countersign"


class Prometheus(Program):
    """It scrapes `targets`, and by TLS those that it is given an authority for."""

    def __init__(self, folder: Path, targets: list[str], by_tls: dict[str, Path], interval: str = "1s"):
        self.url = f"http://127.0.0.1:{free_port()}"
        jobs = [{"job_name": JOB, "static_configs": [{"targets": targets}]}]
        jobs += [
            {"job_name": f"{JOB}-tls-{number}", "scheme": "https", "tls_config": {"ca_file": str(ca)},
             "static_configs": [{"targets": [target], "labels": {"job": JOB}}]}
            for number, (target, ca) in enumerate(by_tls.items())
        ]  # fmt: skip
        every = {"scrape_interval": interval, "scrape_timeout": "1s", "evaluation_interval": interval}
        config = folder / "prometheus.yml"
        # JSON is YAML.
        config.write_text(json.dumps({"global": every, "rule_files": [str(RULES)], "scrape_configs": jobs}))
        super().__init__("prometheus", [
            BINARY, f"--config.file={config}", f"--storage.tsdb.path={folder / 'prometheus'}",
            f"--web.listen-address={self.url.removeprefix('http://')}",
        ], folder)  # fmt: skip

    def start(self) -> "Prometheus":
        super().start()
        self.wait_for("has scraped all and evaluated the rules", lambda: self.has_begun())
        return self

    def has_begun(self) -> bool:
        try:
            up = self.query("up")
            return bool(up) and all(sample["value"][1] == "1" for sample in up) and all(rule["health"] == "ok" for rule in self.rules())
        except OSError:
            return False

    def get(self, path: str, **parameters: object):
        query = urllib.parse.urlencode(parameters)
        with urllib.request.urlopen(f"{self.url}/api/v1/{path}?{query}", timeout=30) as answer:
            return json.load(answer)["data"]

    def query(self, expression: str) -> list[dict]:
        """The samples of an expression now."""
        found = self.get("query", query=expression)
        assert found["resultType"] == "vector", expression
        return [sample for sample in found["result"] if not math.isnan(float(sample["value"][1]))]

    def rules(self) -> list[dict]:
        return [rule for group in self.get("rules")["groups"] for rule in group["rules"]]

    def names(self) -> set[str]:
        return set(self.get("label/__name__/values"))


class Monitored:
    """All of them, running. `calls_for` is the load."""

    def __init__(self, folder: Path, postgres: Postgres, run, interval: str = "1s"):
        self.folder, self.run = folder, run
        self.replicas = Replicas(folder, postgres.url(), run, **SETTINGS, COUNTERSIGN_AUTHZ_RULES=str(AUTHZ_RULES))
        alone = folder / "alone"
        certificate = Authority(alone, "authority").issue("server", "IP:127.0.0.1", common_name="server")
        tls = {"COUNTERSIGN_TLS_CERT": str(certificate.chain), "COUNTERSIGN_TLS_KEY": str(certificate.key)}
        self.alone = run(Countersign(alone, f"sqlite://{alone}/countersign.db", "alone", **tls))
        targets = [replica.http.removeprefix("http://") for replica in self.replicas.each]
        by_tls = {self.alone.http.removeprefix("http://"): alone / "authority.pem"}
        self.prometheus = run(Prometheus(folder, targets, by_tls, interval))

    def calls_for(self, seconds: float, workers: int = 4) -> None:
        """Every RPC on one replica, tokens that are checked on both, and requests to a shop of which Envoy asks the first."""
        first, second = self.replicas.each
        token = log_in(first.channel(), "caller")
        # Without the logins: of a hundred sessions the oldest ends, and that is the one whose token is checked.
        calls = mixed_calls(token, "caller")[:98]
        load = Load(self.folder, "load", [first.grpc, second.grpc], calls, 1, 100, options={"grpc.default_authority": "x"})
        world = World(first, second)
        # It stays, and nobody listens there.
        world.call("CreateSubscription", world.admin, subscription={"url": "https://127.0.0.1:9/events"})
        self.run(load)
        with self.orders(token):
            world.run(seconds, workers)
        result = load.result()
        assert not result.failed, result
        assert not world.call.missing()

    @contextlib.contextmanager
    def orders(self, token: str) -> Iterator[None]:
        """Meanwhile somebody asks for an order again and again, with a token and without."""
        order = f"http://127.0.0.1:{self.run(envoy(self.folder, self.replicas.each[0])).port}/orders/7"
        # Envoy refuses until it knows the replica.
        wait_until("an order is shown", lambda: get(order, authorization=f"Bearer {token}")[0] == 200)
        enough = threading.Event()

        def ask() -> list[int]:
            statuses = []
            while not enough.wait(0.2):
                statuses += [get(order, authorization=f"Bearer {token}")[0], get(order)[0]]
            return statuses

        with ThreadPoolExecutor(1) as pool:
            asked = pool.submit(ask)
            try:
                yield
            finally:
                enough.set()
            assert set(asked.result()) == {200, 401}
