"""What the guides show: blocks that open with ```yaml FILE are manifests, or values where FILE begins with values."""

import re
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

from .chart import ROOT

GUIDES = ("kubernetes", "istio", "linkerd", "envoy-gateway")
# One in a list is indented.
BLOCK = re.compile(r"^(?P<indent> *)```yaml +(?P<name>\S+)\n(?P<text>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL)


def blocks(guide: str) -> Iterator[tuple[str, str]]:
    text = (ROOT / f"docs/guides/{guide}.md").read_text()
    for block in BLOCK.finditer(text):
        yield block["name"], dedent(block["text"])


# Whom Istio and Envoy Gateway are told to ask, by the name of the Service.
ASKED = re.compile(r"envoyExtAuthzGrpc:\n +service: ([\w-]+)\.|extAuth:\n +grpc:\n +backendRefs: \[\{ name: ([\w-]+),")


def faults(published: set[str]) -> Iterator[str]:
    """Whom Envoy asks must be there while no replica is ready."""
    for guide in ("istio", "envoy-gateway"):
        shown = ASKED.findall((ROOT / f"docs/guides/{guide}.md").read_text())
        assert shown, f"docs/guides/{guide}.md does not say whom Envoy asks"
        for service in ("".join(names) for names in shown):
            if service not in published:
                yield f"docs/guides/{guide}.md has Envoy ask {service}, which has no address while the database is away"


def is_values(name: str) -> bool:
    return Path(name).stem.startswith("values")


def write(folder: Path) -> tuple[list[Path], list[Path]]:
    """Files of manifests, and files of values for the chart."""
    written: dict[bool, list[Path]] = {False: [], True: []}
    for guide in GUIDES:
        shown = list(blocks(guide))
        assert shown, f"docs/guides/{guide}.md shows no file"
        for name, text in shown:
            path = folder / f"{guide}-{name}"
            path.write_text(text)
            written[is_values(name)].append(path)
    return written[False], written[True]
