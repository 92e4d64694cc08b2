"""What our benchmarks and examples print, read."""

import json
import re
from typing import NamedTuple

from .figures import Figure

# "  64   1234   456   0.38   (0.37 to 0.39)   ≥ 0.8", below "callers  empty/s  IntrospectToken/s  ratio  aim".
COMPARED = re.compile(r"\s*(\d+) +([\d.]+) +([\d.]+) +([\d.]+) +\(([\d.]+) to ([\d.]+)\) +(≥ ?[\d.]+)\s*")
# "engine, auto   123.45   4.32x   (4.2 to 4.4)   ≥ 4.2x"; the first has no aim, and the ratio 1.
HASHED = re.compile(r"(\S.*?) +([\d.]+) +([\d.]+)x +\(([\d.]+) to ([\d.]+)\) *(≥ ?[\d.]+x)?\s*")
OFFERED = re.compile(r"(.+), (\d+)/s offered, (\d+)/s done")


class Point(NamedTuple):
    """A step of the offered load."""

    offered: float
    done: float
    p99_milliseconds: float


class Rate(NamedTuple):
    """Hashes a second of a side, and by those of the bcrypt crate."""

    side: str
    rate: float
    ratio: float
    target: str


def compared(part: str, text: str) -> list[Figure]:
    """The tables of benches/tokens: a figure for each number of callers."""
    figures, of = [], ""
    for line in text.splitlines():
        if line.strip().startswith("callers") and "ratio" in line:
            other, ours = re.findall(r"\S(?:.*?\S)?/s", line.strip().removeprefix("callers"))
            of = f"{ours.removesuffix('/s')} / {other.removesuffix('/s')}"
        elif found := COMPARED.fullmatch(line):
            callers, _, _, ratio, low, high, aim = found.groups()
            name = f"{of}, {callers} caller{'s' if callers != '1' else ''}"
            figures.append(Figure(part, name, f"{ratio} ({low} to {high})", aim))
    return figures


def hashed(text: str) -> list[Rate]:
    """The first table of benches/engine; the targets of the second are bounds from above."""
    rows = [found.groups("") for line in text.splitlines() if (found := HASHED.fullmatch(line))]
    return [Rate(side, float(rate), float(ratio), target) for side, rate, ratio, _, _, target in rows]


def loaded(text: str) -> list[Figure]:
    """What examples/load prints with --json. Its title stands for the part."""
    rows = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    return [Figure(row["title"], row["name"], row["measured"], row["aim"]) for row in rows]


def curves(figures: list[Figure]) -> dict[str, list[Point]]:
    """The steps of the scenario `curve`, by what was called."""
    found: dict[str, list[Point]] = {}
    for figure in figures:
        if step := OFFERED.fullmatch(figure.name):
            name, offered, done = step.groups()
            p99 = float(figure.measured.split(", ")[1].removesuffix(" ms"))
            found.setdefault(name, []).append(Point(float(offered), float(done), p99))
    return found
