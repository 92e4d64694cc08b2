"""The charts, as one SVG file: it follows the reader's light or dark scheme, and needs nothing but its own text."""

import math
from collections.abc import Callable
from html import escape
from typing import NamedTuple

from .printed import Point, Rate

WIDTH, PANEL_HEIGHT, BAR_HEIGHT = 920, 300, 30
STYLE = """
svg { font-family: system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif; font-size: 13px; }
.title { font-size: 15px; font-weight: 600; }
.tick, .axis { font-size: 12px; }
.grid { stroke-width: 1; }
.all { stroke-width: 1.5; stroke-dasharray: 4 4; }
.series { fill: none; stroke-width: 2.5; stroke-linejoin: round; stroke-linecap: round; }
.end { font-weight: 600; }
"""
# Not by variables of CSS, which not every viewer knows.
COLOURS = """
.ground {{ fill: {ground}; }} text {{ fill: {ink}; }} .tick, .axis {{ fill: {soft}; }}
.grid {{ stroke: {line}; }} .all {{ stroke: {rest}; }} .rest-fill {{ fill: {rest}; }}
.first {{ stroke: {first}; }} .first-fill {{ fill: {first}; }}
.second {{ stroke: {second}; }} .second-fill {{ fill: {second}; }}
"""
LIGHT = {
    "ground": "#ffffff", "ink": "#1f2328", "soft": "#59636e", "line": "#e3e7eb",
    "first": "#0969da", "second": "#c2570c", "rest": "#8b949e",
}  # fmt: skip
DARK = {
    "ground": "#0d1117", "ink": "#e6edf3", "soft": "#9198a1", "line": "#262c34",
    "first": "#58a6ff", "second": "#f0883e", "rest": "#6e7681",
}  # fmt: skip
HUES = ("first", "second")


class Scale(NamedTuple):
    """From values to places of a panel."""

    low: float
    high: float
    begin: float
    end: float
    is_logarithmic: bool = False

    def __call__(self, value: float) -> float:
        low, high, value = (math.log10(v) if self.is_logarithmic else v for v in (self.low, self.high, value))
        return self.begin + (self.end - self.begin) * (value - low) / (high - low)


def ticks(high: float, most: int = 5) -> list[float]:
    """Round numbers from 0 up to the first that is not below `high`."""
    rough = high / most
    power = 10 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)
    return [step * number for number in range(math.ceil(round(high / step, 9)) + 1)]


def decades(low: float, high: float) -> list[float]:
    """Powers of ten around both, two at least."""
    first = math.floor(math.log10(low))
    return [10.0**power for power in range(first, max(math.ceil(math.log10(high)), first + 1) + 1)]


def short(number: float) -> str:
    return f"{number / 1000:g}k" if number >= 1000 else f"{number:g}"


def draw(curves: dict[str, list[Point]], rates: list[Rate], under: str) -> str:
    """`under` says what hashes are compared at."""
    parts, top = [], 16
    if any(curves.values()):
        parts += panels(curves, top)
        top += PANEL_HEIGHT + 76
    if rates:
        parts += bars(rates, under, top)
        top += 44 + BAR_HEIGHT * len(rates)
    size = f'viewBox="0 0 {WIDTH} {top}" width="{WIDTH}" height="{top}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">'
    title = "<title>Throughput and 99th percentile over the offered load; hashes a second</title>"
    ground = f'<rect class="ground" width="{WIDTH}" height="{top}" rx="6"/>'
    dark = f"@media (prefers-color-scheme: dark) {{{COLOURS.format(**DARK)}}}"
    style = f"<style>{STYLE}{COLOURS.format(**LIGHT)}{dark}</style>"
    return "\n".join([head, title, style, ground, *parts, "</svg>", ""])


def panels(curves: dict[str, list[Point]], top: float) -> list[str]:
    """Two side by side, over the same offered load."""
    points = [point for series in curves.values() for point in series]
    along = ticks(max(point.offered for point in points))
    served = ticks(max(point.done for point in points))
    waits = decades(min(point.p99_milliseconds for point in points), max(point.p99_milliseconds for point in points))
    bottom = top + 40 + PANEL_HEIGHT - 20
    left, right = (Scale(0, along[-1], begin, begin + 370) for begin in (54, 524))
    throughput = Scale(0, served[-1], bottom, top + 44)
    latency = Scale(waits[0], waits[-1], bottom, top + 44, is_logarithmic=True)
    whole = min(along[-1], served[-1])
    ends = f'x1="{left(0):.1f}" y1="{throughput(0):.1f}" x2="{left(whole):.1f}" y2="{throughput(whole):.1f}"'
    return [
        *axes("Throughput, calls answered a second", left, along, throughput, served, short),
        f'<line class="all" {ends}/>',
        *lines(curves, left, throughput, lambda point: point.done),
        *axes("p99 of the time to an answer, ms (logarithmic)", right, along, latency, waits, short),
        *lines(curves, right, latency, lambda point: point.p99_milliseconds),
    ]


def axes(
    title: str, x: Scale, along: list[float], y: Scale, up: list[float], label: Callable[[float], str]
) -> list[str]:
    parts = [text("title", "start", x.begin - 40, y.end - 24, title)]
    for value in up:
        ends = f'x1="{x.begin:.1f}" y1="{y(value):.1f}" x2="{x.end:.1f}" y2="{y(value):.1f}"'
        parts.append(f'<line class="grid" {ends}/>')
        parts.append(text("tick", "end", x.begin - 8, y(value) + 4, label(value)))
    parts += [text("tick", "middle", x(value), y.begin + 18, short(value)) for value in along]
    return [*parts, text("axis", "middle", (x.begin + x.end) / 2, y.begin + 38, "calls offered a second")]


def text(kind: str, anchor: str, x: float, y: float, said: str) -> str:
    return f'<text class="{kind}" text-anchor="{anchor}" x="{x:.1f}" y="{y:.1f}">{escape(said)}</text>'


def lines(curves: dict[str, list[Point]], x: Scale, y: Scale, of: Callable[[Point], float]) -> list[str]:
    """A line for each series, named at its last point."""
    parts, ends = [], []
    for points, hue in zip(curves.values(), HUES):
        places = [(x(point.offered), y(of(point))) for point in points]
        path = " ".join(f"{px:.1f},{py:.1f}" for px, py in places)
        parts.append(f'<polyline class="series {hue}" points="{path}"/>')
        parts += [f'<circle class="{hue}-fill" cx="{px:.1f}" cy="{py:.1f}" r="3.5"/>' for px, py in places]
        ends.append(places[-1])
    for name, hue, (px, py) in zip(curves, HUES, ends):
        # Before the point where there is no room behind it; below it where another name is above.
        anchor, dx = ("end", -10) if px > x.end - 110 else ("start", 10)
        dy = 20 if any(0 < py - other < 24 and abs(px - at) < 240 for at, other in ends) else -8
        parts.append(text(f"end {hue}-fill", anchor, px + dx, py + dy, name))
    return parts


def bars(rates: list[Rate], under: str, top: float) -> list[str]:
    parts = [text("title", "start", 14, top + 14, under)]
    along = Scale(0, max(rate.rate for rate in rates), 170, WIDTH - 230)
    for number, rate in enumerate(rates):
        y, width = top + 30 + BAR_HEIGHT * number, along(rate.rate) - along.begin
        hue = "first-fill" if rate.side.startswith("engine") else "rest-fill"
        said = f"{rate.rate:.1f}/s, {rate.ratio:.2f} times the crate" if number else f"{rate.rate:.1f}/s"
        size = f'width="{width:.1f}" height="{BAR_HEIGHT - 8}"'
        parts.append(text("bar", "end", along.begin - 10, y + 15, rate.side))
        parts.append(f'<rect class="{hue}" x="{along.begin}" y="{y}" {size} rx="2"/>')
        parts.append(text("bar", "start", along(rate.rate) + 8, y + 15, said))
    return parts
