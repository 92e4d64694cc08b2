"""python -m monitoring PROMTOOL: what can be said of rules and dashboard without a server. See scripts/check-alerts."""

import json
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from grafana_foundation_sdk.models import units

from . import alerts, dashboard, expressions, shape
from .rows import ROWS

PAGE = alerts.ROOT / "docs/monitoring.md"
COMPOSE = alerts.ROOT / "deploy/compose/prometheus.yml"
UNITS = {value for name, value in vars(units).items() if name[0].isupper()}


def report(what: str, faults: Iterable[str]) -> None:
    said = list(faults)
    for fault in said:
        print(f"check-alerts: {fault}", file=sys.stderr)
    if said:
        sys.exit(1)
    print(f"ok: {what}", flush=True)


def promtool(*arguments: object) -> Iterator[str]:
    done = subprocess.run([sys.argv[1], *map(str, arguments)], capture_output=True, text=True, check=False)
    if done.returncode:
        yield f"promtool {' '.join(map(str, arguments))}:\n{done.stdout}{done.stderr}"


def of_panels() -> Iterator[str]:
    titles = Counter((row.title, panel.title) for row in ROWS for panel in row.panels)
    yield from (f"{title}: twice in one row" for title, number in titles.items() if number > 1)
    for row in ROWS:
        for panel in row.panels:
            if not (panel.title and panel.description.endswith(".") and panel.unit in UNITS):
                yield f"{panel.title}: a panel has a title, a sentence, and a unit of Grafana's"


def of_syntax() -> Iterator[str]:
    """The dashboard's expressions, as rules for promtool to read."""
    asked = {expressions.asked(query.expression) for _, query in expressions.queries()}
    rules = [{"record": "x", "labels": {"n": str(number)}, "expr": expression} for number, expression in enumerate(sorted(asked))]
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        # JSON is YAML.
        json.dump({"groups": [{"name": "dashboard", "rules": rules}]}, file)
        file.flush()
        yield from promtool("check", "rules", Path(file.name))


def of_page() -> Iterator[str]:
    """The configuration that docs/monitoring.md shows."""
    shown = re.search(r"^```yaml prometheus.yml\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
        file.write(shown[1])
        file.flush()
        yield from promtool("check", "config", "--syntax-only", file.name)


def main() -> None:
    shown = {f"panel {panel.title}, {query.legend}": query.expression for panel, query in expressions.queries()}
    alerting = {rule["alert"]: rule["expr"] for rule in alerts.rules()}
    report(f"promtool reads {len(alerting)} rules", promtool("check", "rules", alerts.RULES))
    report("promtool's tests: each fires when it should, and not when it should not", promtool("test", "rules", alerts.TESTS))
    report("each alert is tested both ways, and explained", alerts.faults())
    made = dashboard.text() == dashboard.FILE.read_text()
    report("promtool reads the configuration in docs/monitoring.md", of_page())
    report("promtool reads that of Compose", promtool("check", "config", "--syntax-only", COMPOSE))
    report("the dashboard's file is what rows.py makes", [] if made else ["it is not: run PYTHONPATH=scripts python3 -m monitoring.dashboard"])
    report("Grafana knows each field of it", shape.faults(dashboard.dashboard()))
    report(f"{sum(len(row.panels) for row in ROWS)} panels have a title, a description and a unit", of_panels())
    report(f"{len(shown)} expressions of the dashboard are PromQL", of_syntax())
    report("all metrics are explained", expressions.faults(shown | alerting))


main()
