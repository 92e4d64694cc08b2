"""Whether Grafana would take the dashboard, by the models that Grafana publishes for dashboards as code: what they do not know gets lost."""

import json
from collections.abc import Iterator

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard


def lost(ours: object, kept: object, place: str = "dashboard") -> Iterator[str]:
    if isinstance(ours, dict) and isinstance(kept, dict):
        for key, value in ours.items():
            yield from lost(value, kept[key], f"{place}.{key}") if key in kept else [f"{place}.{key} is unknown to Grafana"]
    elif isinstance(ours, list) and isinstance(kept, list) and len(ours) == len(kept):
        for number, (mine, theirs) in enumerate(zip(ours, kept, strict=True)):
            yield from lost(mine, theirs, f"{place}[{number}]")
    elif ours != kept:
        yield f"{place}: {ours} becomes {kept}"


def faults(dashboard: dict) -> Iterator[str]:
    register_default_plugins()
    yield from lost(dashboard, json.loads(JSONEncoder().encode(Dashboard.from_json(dashboard))))
