"""The dashboard as one SVG file: its panels in its layout, with what a Prometheus has. Grafana draws more, and prettier."""

import time
from collections.abc import Callable, Iterator
from html import escape

from measure_all.chart import ticks

from .amounts import AMOUNTS, TIMES
from .dashboard import placed
from .figures import Line, Span
from .panels import Panel

COLUMN, UNIT, GAP = 56, 27, 8
WIDTH = 24 * COLUMN + GAP
# Those of Grafana's classic palette that both grounds suit.
HUES = ("#73bf69", "#f2cc0c", "#5794f2", "#ff780a", "#f2495c", "#b877d9", "#37872d", "#fa6400", "#1f60c4", "#c4162a", "#8f3bb8", "#8ab8ff")
LIMITS = {"green": "#56a64b", "yellow": "#e0a30c", "red": "#e02f44"}
STYLE = """
svg { font-family: system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif; font-size: 11px; }
.row { font-size: 15px; font-weight: 600; } .title { font-size: 12.5px; font-weight: 600; } .stat { font-size: 30px; font-weight: 600; }
.line { fill: none; stroke-width: 1.4; stroke-linejoin: round; } .card, .grid { stroke-width: 1; }
"""
# Not by variables of CSS, which not every viewer knows.
COLOURS = """
.ground {{ fill: {ground}; }} .card {{ fill: {card}; stroke: {edge}; }} .grid {{ stroke: {edge}; }} text {{ fill: {ink}; }} .soft {{ fill: {soft}; }}
"""
LIGHT = {"ground": "#f4f5f5", "card": "#ffffff", "edge": "#e4e7eb", "ink": "#24292e", "soft": "#646c76"}
DARK = {"ground": "#111217", "card": "#181b1f", "edge": "#2a2d33", "ink": "#d8d9da", "soft": "#8e9299"}

Box = tuple[float, float, float, float]


def text(x: float, y: float, what: str, style: str = "", anchor: str = "start", more: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{style}" text-anchor="{anchor}"{more}>{escape(what)}</text>'


def wide(what: str) -> float:
    """About as wide as it is drawn."""
    return sum(7.6 if letter.isupper() or letter in "_%" else 6.0 for letter in what)


def cut(what: str, width: float) -> str:
    while wide(what) > width:
        what = f"{what[:-2]}…"
    return what


def axes(box: Box, span: Span, marks: list[float], amount: Callable[[float], str]) -> Iterator[str]:
    x, y, width, height = box
    for mark in marks:
        level = y + height - height * mark / marks[-1]
        yield f'<line class="grid" x1="{x:.1f}" y1="{level:.1f}" x2="{x + width:.1f}" y2="{level:.1f}"/>'
        yield text(x - 6, level + 4, amount(mark), "soft", "end")
    for part, anchor in ((0, "start"), (0.5, "middle"), (1, "end")):
        moment = time.strftime("%H:%M:%S", time.gmtime(span.begin + part * (span.end - span.begin)))
        yield text(x + part * width, y + height + 14, moment, "soft", anchor)


def path(box: Box, span: Span, line: Line, high: float) -> str:
    x, y, width, height = box
    parts, before = [], None
    for moment, value in line.points:
        # A gap is a gap.
        letter = "L" if before is not None and moment - before < 1.5 * span.step else "M"
        across = x + width * (moment - span.begin) / (span.end - span.begin)
        parts.append(f"{letter}{across:.1f} {y + height - height * min(value / high, 1):.1f}")
        before = moment
    return "".join(parts)


def legends(box: Box, lines: list[Line]) -> Iterator[str]:
    """As many as there is room for in two lines; the rest is a number."""
    x, y, width, _ = box
    across, level = x, y
    for number, line in enumerate(lines):
        name = cut(line.legend, width / 2)
        needed = 26 + wide(name)
        # The last line keeps room for the number of those that are left out.
        if across + needed + (70 if level > y and number < len(lines) - 1 else 0) > x + width:
            if level > y:
                yield text(across, level + 4, f"and {len(lines) - number} more", "soft")
                return
            across, level = x, level + 15
        yield f'<line x1="{across:.1f}" y1="{level}" x2="{across + 11:.1f}" y2="{level}" stroke="{HUES[number % len(HUES)]}" stroke-width="3"/>'
        yield text(across + 16, level + 4, name, "soft")
        across += needed


def levels(unit: str, high: float) -> list[float]:
    """Marks of the axis, round in the unit that they are written in."""
    size = next((size for size, _ in TIMES if unit == "s" and high >= size), 1)
    return [size * mark for mark in ticks(high / size, 4)]


def graph(box: Box, panel: Panel, lines: list[Line], span: Span) -> Iterator[str]:
    x, y, width, height = box
    inner = (x + 62, y + 34, width - 78, height - 88)
    high = max(value for line in lines for _, value in line.points)
    marks = levels(panel.unit, high or 1)
    yield from axes(inner, span, marks, AMOUNTS[panel.unit])
    for number, line in enumerate(lines):
        yield f'<path class="line" stroke="{HUES[number % len(HUES)]}" d="{path(inner, span, line, marks[-1])}"/>'
    yield from legends((x + 14, y + height - 28, width - 28, 0), lines)


def colour(panel: Panel, value: float) -> str:
    if not panel.limits:
        return LIMITS["green"]
    yellow, red = panel.limits
    return LIMITS["red" if value >= red else "yellow" if value >= yellow else "green"]


def stat(box: Box, panel: Panel, lines: list[Line], span: Span) -> Iterator[str]:
    x, y, width, height = box
    line = lines[0]
    inner = (x, y + height * 0.7, width, height * 0.27)
    hue = colour(panel, line.last)
    high = max(value for _, value in line.points) or 1
    yield f'<path class="line" stroke="{hue}" stroke-opacity="0.6" d="{path(inner, span, line, high * 1.05)}"/>'
    yield text(x + width / 2, y + height * 0.64, AMOUNTS[panel.unit](line.last), "stat", "middle", f' style="fill: {hue}"')


def table(box: Box, panel: Panel, lines: list[Line], span: Span) -> Iterator[str]:
    x, y, width, height = box
    columns = sorted({label for line in lines for label in line.labels} - {"__name__"})
    rows = [columns, *([line.labels.get(column, "") for column in columns] for line in lines)]
    for number, row in enumerate(rows[: int((height - 50) / 20)]):
        for place, cell in enumerate(row):
            across = x + 14 + place * (width - 28) / len(columns)
            yield text(across, y + 48 + 20 * number, cut(cell, (width - 28) / len(columns)), "title" if number == 0 else "")


KINDS = {"timeseries": graph, "stat": stat, "table": table}


def card(panel: Panel, place: dict, lines: list[Line], span: Span) -> Iterator[str]:
    x, y = GAP + place["x"] * COLUMN, GAP + place["y"] * UNIT
    width, height = place["w"] * COLUMN - GAP, place["h"] * UNIT - GAP
    yield f'<rect class="card" x="{x}" y="{y}" width="{width}" height="{height}" rx="3"/>'
    yield text(x + 12, y + 20, cut(panel.title, width - 20), "title")
    if lines:
        yield from KINDS[panel.kind]((x, y, width, height), panel, lines, span)
    else:
        yield text(x + width / 2, y + height / 2 + 8, "No data", "soft", "middle")


def picture(lines: Callable[[Panel], list[Line]], span: Span) -> str:
    parts, bottom = [], 0
    for what, place in placed():
        if isinstance(what, str):
            parts.append(text(GAP + 4, GAP + place["y"] * UNIT + 18, what, "row"))
        else:
            parts += card(what, place, lines(what), span)
        bottom = max(bottom, place["y"] + place["h"])
    height = bottom * UNIT + GAP
    style = f"<style>{STYLE}{COLOURS.format(**LIGHT)}@media (prefers-color-scheme: dark) {{{COLOURS.format(**DARK)}}}</style>"
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img">'
    title = "<title>Panels of the dashboard, with what a Prometheus had</title>"
    return "\n".join([head, title, style, f'<rect class="ground" width="{WIDTH}" height="{height}"/>', *parts, "</svg>", ""])
