"""What was measured beside what it should be, and whether it is."""

import re
from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

# "≥ 0.8", "p99 ≤ 20 ms", "≥ 3.0x"; the place of a percentile in "p50, p99, worst".
TARGET = re.compile(r"(?:(p50|p99) )?([≥≤<>]) ?([\d.]+)(?:x| ?(%|µs|ms|s|KiB|MiB))?")
PLACES = {"": 0, "p50": 0, "p99": 1}


class Figure(NamedTuple):
    """The target is empty where there is none; then `is_met` is None."""

    part: str
    name: str
    measured: str
    target: str = ""

    @property
    def is_met(self) -> bool | None:
        return met(self.measured, self.target)

    @property
    def verdict(self) -> str:
        return {True: "met", False: "MISSED", None: ""}[self.is_met]


def met(measured: str, target: str) -> bool | None:
    """None where the target is no comparison of numbers, or there is no number. `none` is for what should not be."""
    if target == "none":
        return False
    found = TARGET.fullmatch(target)
    if not found:
        return None
    percentile, comparison, bound, unit = found.groups("")
    values = re.findall(r"([\d.]+)(?: ?(%|µs|ms|s|KiB|MiB)(?!\w))?", measured)
    place = PLACES[percentile]
    # A value of another unit is not compared.
    if place >= len(values) or (unit and values[place][1] != unit):
        return None
    value, limit = float(values[place][0]), float(bound)
    return {"≥": value >= limit, "≤": value <= limit, "<": value < limit, ">": value > limit}[comparison]


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """The first column to the left, all others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows)]
    lines = [[row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])] for row in rows]
    return "\n".join("  ".join(line).rstrip() for line in lines)


def table(figures: list[Figure]) -> str:
    """For a terminal, part by part."""
    rows = [("", "measured", "target", "")]
    for part, of_part in groupby(figures, lambda figure: figure.part):
        rows.append((part, "", "", ""))
        rows += [(f"  {of.name}", of.measured, of.target, of.verdict) for of in of_part]
    return aligned(rows)


def markdown(figures: list[Figure]) -> str:
    lines = ["| | measured | target | |", "|---|---|---|---|"]
    for part, of_part in groupby(figures, lambda figure: figure.part):
        lines.append(f"| **{part}** | | | |")
        lines += [f"| {of.name} | {of.measured} | {of.target} | {of.verdict} |" for of in of_part]
    return "\n".join(lines)


def between_marks(text: str, begin: str, end: str, new: str) -> str:
    """The text with what stands between two lines of its own replaced."""
    pattern = re.compile(rf"(?<={re.escape(begin)}\n).*?(?=^{re.escape(end)}$)", re.DOTALL | re.MULTILINE)
    if len(pattern.findall(text)) != 1:
        raise ValueError(f"{begin} and {end} do not stand there once")
    return pattern.sub(lambda _: f"{new}\n", text)
