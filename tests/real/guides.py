"""The files that the guides in docs/guides show, so that the tests run what a reader copies.

A fenced block whose opening line is "```yaml envoy.yaml" is the file envoy.yaml; several blocks of one name are one file.
"""

import re
from pathlib import Path

from countersign import ROOT

FENCE = re.compile(r"^```(?P<language>\S+) +(?P<name>\S+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


def files(guide: str) -> dict[str, str]:
    """The files that docs/guides/GUIDE.md shows, by name."""
    found: dict[str, str] = {}
    for block in FENCE.finditer((ROOT / "docs/guides" / f"{guide}.md").read_text()):
        found[block["name"]] = found.get(block["name"], "") + block["text"]
    return found


def write(guide: str, folder: Path, replacements: dict[str, str]) -> list[Path]:
    """Writes a guide's files into a folder, with the addresses of the test in place of the guide's.

    Each replacement must occur: a guide that no longer names the address would otherwise be tested with another one.
    """
    texts = files(guide)
    assert texts, f"docs/guides/{guide}.md shows no file"
    unused = [old for old in replacements if not any(old in text for text in texts.values())]
    assert not unused, f"docs/guides/{guide}.md does not say {unused}"
    paths = []
    for name, text in texts.items():
        for old, new in replacements.items():
            text = text.replace(old, new)
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        paths.append(path)
    return paths
