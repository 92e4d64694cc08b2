"""What a Prometheus has for a panel, over a time that has passed."""

import json
import math
import re
import urllib.parse
import urllib.request
from typing import NamedTuple

from .expressions import asked
from .panels import Panel

POINTS = 60


class Span(NamedTuple):
    """Seconds since 1970."""

    begin: float
    end: float

    @property
    def step(self) -> float:
        return (self.end - self.begin) / POINTS


class Line(NamedTuple):
    legend: str
    labels: dict[str, str]
    # Times and values, without those that are no number.
    points: list[tuple[float, float]]

    @property
    def last(self) -> float:
        return self.points[-1][1]


def legend(pattern: str, labels: dict[str, str]) -> str:
    return re.sub(r"\{\{(\w+)\}\}", lambda label: labels.get(label[1], ""), pattern)


def lines(url: str, panel: Panel, span: Span, interval: str) -> list[Line]:
    """The panel's series, the highest first."""
    found = []
    for query in panel.queries:
        parameters = {"query": asked(query.expression, interval), "start": span.begin, "end": span.end, "step": span.step}
        with urllib.request.urlopen(f"{url}/api/v1/query_range?{urllib.parse.urlencode(parameters)}", timeout=30) as answer:
            for series in json.load(answer)["data"]["result"]:
                points = [(time, float(value)) for time, value in series["values"] if math.isfinite(float(value))]
                if points:
                    found.append(Line(legend(query.legend, series["metric"]), series["metric"], points))
    return sorted(found, key=lambda line: -max(value for _, value in line.points)) if len(panel.queries) == 1 else found
