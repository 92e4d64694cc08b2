"""Figures with their units, short enough for an axis."""

from collections.abc import Callable

TIMES = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"), (1e-3, "ms"), (1e-6, "µs"))
SIZES = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1, "B"))
COUNTS = ((1e9, " G"), (1e6, " M"), (1e3, " k"), (1, ""))


def plain(value: float) -> str:
    """Three digits that count."""
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"


def scaled(value: float, steps: tuple[tuple[float, str], ...], gap: str) -> str:
    if value == 0:
        return f"0{gap}{steps[-1][1]}" if steps is SIZES else "0"
    size, unit = next((step for step in steps if abs(value) >= step[0] * 0.9995), steps[-1])
    return f"{plain(value / size)}{gap}{unit}"


AMOUNTS: dict[str, Callable[[float], str]] = {
    "s": lambda value: scaled(value, TIMES, " "),
    "short": lambda value: scaled(value, COUNTS, ""),
    "reqps": lambda value: f"{scaled(value, COUNTS, '')}/s",
    "ops": lambda value: f"{scaled(value, COUNTS, '')}/s",
    "Bps": lambda value: f"{scaled(value, SIZES, ' ')}/s",
    "percentunit": lambda value: f"{plain(value * 100)} %",
}
