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
