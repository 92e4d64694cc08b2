"""PromQL: what is asked of Prometheus, and the metrics that it names."""

import re
from collections.abc import Iterator
from pathlib import Path

from .panels import Panel, Query
from .rows import ROWS

ROOT = Path(__file__).resolve().parents[2]
METRIC = re.compile(r"\b(?:countersign|grpc_server|http_server)_\w+")
TEXT = re.compile(r'"[^"]*"')
SELECTOR = re.compile(r"(\w+)\{([^}]*)\}")
# A histogram is documented by its name, and asked by its parts.
PART = re.compile(r"_(?:bucket|count|sum)$")


def asked(expression: str, interval: str = "1m") -> str:
    """As Grafana asks it where all replicas are chosen."""
    for variable in ("$namespace", "$job", "$instance"):
        expression = expression.replace(variable, ".*")
    return expression.replace("$__rate_interval", interval)


def metrics(expression: str) -> set[str]:
    return {PART.sub("", name) for name in METRIC.findall(TEXT.sub("", expression))}


def labels(expression: str) -> set[tuple[str, str]]:
    """What each metric is chosen by: the metric and the name of a label."""
    return {(name, label) for name, chosen in SELECTOR.findall(TEXT.sub("", expression)) for label in re.findall(r"\w+", chosen)}


def documented() -> set[str]:
    """The first columns of the pages' tables."""
    pages = (ROOT / "docs").glob("*.md")
    return {name for page in pages for name in re.findall(r"^\| `(\w+)` \|", page.read_text(), re.MULTILINE)}


def queries() -> Iterator[tuple[Panel, Query]]:
    for row in ROWS:
        for panel in row.panels:
            for query in panel.queries:
                yield panel, query


def faults(expressions: dict[str, str]) -> Iterator[str]:
    """Metrics that no page explains, of expressions by what they are for."""
    known = documented()
    for what, expression in expressions.items():
        for name in sorted(metrics(expression) - known):
            yield f"{what}: no page explains {name}"
