"""deploy/kubernetes: what the chart renders of its smallest set of values, without what speaks of Helm."""

import re
import sys
from collections.abc import Iterator

from .chart import CHART, MANIFESTS as FOLDER, render

HELM = re.compile(r"^ *(app\.kubernetes\.io/managed-by|helm\.sh/chart): .*\n", re.MULTILINE)
SOURCE = re.compile(r"^---\n# Source: countersign/templates/(?P<file>\S+)\n", re.MULTILINE)
HEADER = "# Made by scripts/render-manifests from deploy/helm/countersign.\n"


def files() -> dict[str, str]:
    """The manifests by file, as the chart's templates are called."""
    text = HELM.sub("", render(CHART / "ci/minimal.yaml"))
    _, *parts = SOURCE.split(text)
    return {file: f"{HEADER}{body.strip()}\n" for file, body in zip(parts[::2], parts[1::2], strict=True)}


def faults() -> Iterator[str]:
    made = files()
    there = {path.name: path.read_text() for path in FOLDER.glob("*.yaml")}
    for file in sorted(made.keys() | there.keys()):
        if made.get(file) != there.get(file):
            yield f"deploy/kubernetes/{file} is not what the chart renders: run scripts/render-manifests"


def write() -> None:
    FOLDER.mkdir(exist_ok=True)
    for path in FOLDER.glob("*.yaml"):
        path.unlink()
    for file, text in files().items():
        (FOLDER / file).write_text(text)


if __name__ == "__main__":
    write()
    print(f"{len(files())} manifests are in {FOLDER}", file=sys.stderr)
