"""What must hold of the alert rules beside what promtool looks at: each is tested, and explained."""

import re
from collections.abc import Iterator
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "deploy/prometheus/alerts.yaml"
TESTS = ROOT / "deploy/prometheus/alerts.test.yaml"
PAGE = ROOT / "docs/alerts.md"
SEVERITIES = ("critical", "warning")


def rules() -> list[dict]:
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


def expectations() -> dict[str, set[bool]]:
    """By alert, whether a test expects it to fire, and whether one expects that it does not."""
    found: dict[str, set[bool]] = {}
    for test in yaml.safe_load(TESTS.read_text())["tests"]:
        for case in test["alert_rule_test"]:
            found.setdefault(case["alertname"], set()).add(bool(case["exp_alerts"]))
    return found


def sections() -> dict[str, str]:
    """The page's text by alert."""
    _, *parts = re.split(r"^### (\w+)\n", PAGE.read_text(), flags=re.MULTILINE)
    return dict(zip(parts[::2], parts[1::2], strict=True))


def faults() -> Iterator[str]:
    tested, explained = expectations(), sections()
    for rule in rules():
        name, severity = rule["alert"], rule["labels"]["severity"]
        if tested.get(name) != {True, False}:
            yield f"{name}: {TESTS.name} must have a time when it fires and one when it does not"
        if severity not in SEVERITIES:
            yield f"{name}: there is no severity {severity}"
        if rule["annotations"].get("runbook") != f"docs/alerts.md#{name.lower()}":
            yield f"{name}: its runbook is {rule['annotations'].get('runbook')}"
        text = explained.pop(name, "")
        if not ("**Means**: " in text and "**Do**: " in text and f"{severity.capitalize()}." in text):
            yield f"{name}: docs/alerts.md must say what it means, what to do, and that it is {severity}"
    yield from (f"docs/alerts.md explains {name}, which is no rule" for name in explained)
