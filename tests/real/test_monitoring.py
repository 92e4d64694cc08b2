"""The alert rules and the dashboard in a real Prometheus that scrapes replicas under load."""

import sys
from pathlib import Path

import pytest

from countersign import ROOT
from monitored import Monitored
from postgres import Postgres

sys.path.append(str(ROOT / "scripts"))
from monitoring import expressions  # noqa: E402

# Seconds.
LOAD = 6
# No server has these before something fails.
SELDOM = {"countersign_outbox_failed_total", "countersign_outbox_tries_failed_total"}
# Series of a metric that have a label.
HAS = '%s{%s!=""}'


@pytest.mark.short
def test_each_query_of_the_dashboard_and_of_the_alerts_finds_figures(tmp_path: Path, run, postgres: Postgres):
    monitored = Monitored(tmp_path, postgres, run)
    monitored.calls_for(LOAD)
    prometheus = monitored.prometheus
    there = prometheus.names()

    empty = [
        f"{panel.title}, {query.legend}: {query.expression}"
        for panel, query in expressions.queries()
        if not expressions.metrics(query.expression) & SELDOM and not prometheus.query(expressions.asked(query.expression, "30s"))
    ]
    assert not empty, "\n".join(empty)

    for rule in prometheus.rules():
        assert rule["health"] == "ok", rule
        missing = expressions.metrics(rule["query"]) - SELDOM - {expressions.PART.sub("", name) for name in there}
        missing |= {chosen for chosen in expressions.labels(rule["query"]) if chosen[0] in there and not prometheus.query(HAS % chosen)}
        assert not missing, f"{rule['name']} asks for what there is not: {missing}"
    # Such as defects of the service: this load has none, and the rest takes minutes.
    assert not [alert["labels"] for alert in prometheus.get("alerts")["alerts"] if alert["state"] == "firing"]
