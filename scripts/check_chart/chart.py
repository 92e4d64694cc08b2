"""Renders the chart, and reads what comes out."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "deploy/helm/countersign"
MANIFESTS = ROOT / "deploy/kubernetes"
HELM = ROOT / ".tools/bin/helm"
CHECKER = ROOT / ".tools/bin/countersign-chart"
RELEASE = "countersign"

Object = dict


class Refused(Exception):
    """Helm does not render these values; the text is its own."""


def value_sets() -> list[Path]:
    return sorted((CHART / "ci").glob("*.yaml"))


def helm(*arguments: object, text: str | None = None) -> str:
    """Runs Helm, which gets `text` as its standard input."""
    command = [str(HELM), *map(str, arguments)]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Refused(done.stderr.strip() or done.stdout.strip())
    return done.stdout


def render(values: Path, *changes: Object) -> str:
    """The manifests for a file of values, each of the changes laid over it."""
    sets = [argument for change in changes for name, value in change.items() for argument in ("--set-json", f"{name}={value}")]
    return helm("template", RELEASE, CHART, "--values", values, *sets)


def objects(manifests: str) -> list[Object]:
    # Of the checks' own Python; the unit tests have another one.
    from ruamel.yaml import YAML

    return [document for document in YAML(typ="safe").load_all(manifests) if document]


def of_kind(kind: str, found: list[Object]) -> Iterator[Object]:
    return (each for each in found if each["kind"] == kind)


def name(each: Object) -> str:
    return f"{each['kind']}/{each['metadata']['name']}"


def containers(each: Object) -> list[Object]:
    """The containers of an object that has pods, those that run first first."""
    pod = each.get("spec", {}).get("template", {}).get("spec", {})
    return [*pod.get("initContainers", ()), *pod.get("containers", ())]
