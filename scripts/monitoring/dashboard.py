"""deploy/grafana/countersign.json, made of rows.py.

    python3 -m monitoring.dashboard        writes it
"""

import json
from collections.abc import Iterator
from pathlib import Path

from .panels import Panel
from .rows import ROWS

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "deploy/grafana/countersign.json"
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
HEIGHTS = {"stat": 4, "timeseries": 8, "table": 8}


def variable(name: str, label: str, **more: object) -> dict:
    return {"name": name, "label": label, "hide": 0, "skipUrlSync": False, **more}


def of_labels(name: str, label: str) -> dict:
    """The values of a label, of which all are chosen at first. A Prometheus that does not give it has none, and all is any."""
    query = f"label_values(countersign_build_info, {name})"
    return variable(
        name, label, type="query", datasource=SOURCE, query={"qryType": 1, "query": query, "refId": name},
        refresh=2, sort=1, multi=True, includeAll=True, allValue=".*", current={"text": ["All"], "value": ["$__all"]}, regex="", options=[],
    )  # fmt: skip


VARIABLES = [
    variable("datasource", "Data source", type="datasource", query="prometheus", refresh=1, regex="", options=[], multi=False, includeAll=False),
    of_labels("namespace", "Namespace"),
    of_labels("job", "Job"),
    of_labels("instance", "Replica"),
]


def thresholds(panel: Panel) -> dict:
    steps = [{"color": "green", "value": None}]
    if panel.limits:
        yellow, red = panel.limits
        steps += [{"color": "yellow", "value": yellow}] if yellow < red else []
        steps.append({"color": "red", "value": red})
    return {"mode": "absolute", "steps": steps}


def defaults(panel: Panel) -> dict:
    common = {"unit": panel.unit, "thresholds": thresholds(panel), "color": {"mode": "thresholds" if panel.kind == "stat" else "palette-classic"}}
    if panel.kind != "timeseries":
        return {**common, "custom": {}}
    custom = {"drawStyle": "line", "lineWidth": 1, "fillOpacity": 8, "showPoints": "never", "spanNulls": False}
    return {**common, "min": 0, "custom": custom}


OPTIONS = {
    "stat": {
        "colorMode": "value",
        "graphMode": "area",
        "justifyMode": "auto",
        "orientation": "auto",
        "textMode": "value",
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
    },
    "timeseries": {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
        "tooltip": {"mode": "multi", "sort": "desc"},
    },
    "table": {"showHeader": True, "cellHeight": "sm"},
}
# Of a table each label is a column; these say nothing.
HIDDEN = {"id": "organize", "options": {"excludeByName": {"Time": True, "Value": True, "__name__": True}}}


def targets(panel: Panel) -> list[dict]:
    table = panel.kind == "table"
    return [
        {
            "refId": chr(ord("A") + number),
            "datasource": SOURCE,
            "expr": query.expression,
            "legendFormat": query.legend,
            "range": not table,
            "instant": table,
            "format": "table" if table else "time_series",
        }
        for number, query in enumerate(panel.queries)
    ]


def of_panel(number: int, panel: Panel, place: dict) -> dict:
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.description,
        "datasource": SOURCE,
        "gridPos": place,
        "fieldConfig": {"defaults": defaults(panel), "overrides": []},
        "options": OPTIONS[panel.kind],
        "targets": targets(panel),
        **({"transformations": [HIDDEN]} if panel.kind == "table" else {}),
    }


def placed() -> Iterator[tuple[Panel | str, dict]]:
    """Each row's title and its panels, with their places in a grid of 24 columns."""
    y = 0
    for row in ROWS:
        yield row.title, {"x": 0, "y": y, "w": 24, "h": 1}
        x, y, height = 0, y + 1, HEIGHTS[row.panels[0].kind]
        for panel in row.panels:
            if x == 24:
                x, y = 0, y + height
            yield panel, {"x": x, "y": y, "w": panel.width, "h": height}
            x += panel.width
        assert x == 24, f"the row {row.title} is not full"
        y += height


def panels() -> Iterator[dict]:
    for number, (what, place) in enumerate(placed(), 1):
        if isinstance(what, str):
            yield {"id": number, "type": "row", "title": what, "collapsed": False, "gridPos": place, "panels": []}
        else:
            yield of_panel(number, what, place)


def dashboard() -> dict:
    return {
        "uid": "countersign",
        "title": "Countersign",
        "description": "Logins, tokens and what they need: how it goes now, and where it hurts. docs/monitoring.md",
        "tags": ["countersign"],
        # Grafana 11 and newer read it, and bring it to their own version.
        "schemaVersion": 39,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "time": {"from": "now-1h", "to": "now"},
        "refresh": "30s",
        "timezone": "browser",
        "templating": {"list": VARIABLES},
        "annotations": {"list": []},
        "links": [],
        "panels": list(panels()),
    }


def text() -> str:
    return json.dumps(dashboard(), indent=1) + "\n"


if __name__ == "__main__":
    FILE.write_text(text())
    print(f"{sum(len(row.panels) for row in ROWS)} panels are in {FILE.relative_to(ROOT)}")
