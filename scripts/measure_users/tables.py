"""What was measured, as tables; ratios first."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import TYPE_CHECKING

from .transfers import Transfers
from .watch import Run

if TYPE_CHECKING:
    from .calls import Calls

    # It takes generated code.
    from .look_ups import Figures

# Of issue 16: a rate by COPY's at least, and the cost on many users by that on few at the most.
RATE_TARGET, COST_TARGET = 0.5, 1.2
PEAK_TARGET = 100


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """The first column to the left, all others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows)]
    lines = [[row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])] for row in rows]
    return "\n".join("  ".join(line).rstrip() for line in lines)


def rate(users: int, runs: list[Run]) -> float:
    return statistics.median(users / run.seconds for run in runs)


def transfer_rows(transfers: Transfers, users: int) -> list[dict]:
    """Of import and export: the whole, and its tenths. Ratios are the median of the rounds' ratios."""
    rows = []
    for ours, theirs in [("import", "copy in"), ("export", "copy out")]:
        pairs = list(zip(transfers.runs[ours], transfers.runs[theirs]))
        if not pairs:
            continue
        whole = [(users / a.seconds, users / b.seconds) for a, b in pairs]
        rows.append(row(f"{ours}, whole", whole) | {"whole": True})
        for number in range(10):
            timed = [(a.tenths, b.tenths) for a, b in pairs if a.tenths and b.tenths]
            tenth = [(users / 10 / a[number], users / 10 / b[number]) for a, b in timed]
            if tenth:
                rows.append(row(f"{ours}, tenth {number + 1}", tenth) | {"whole": False})
    return rows


def row(what: str, rates: list[tuple[float, float]]) -> dict:
    ratios = [ours / theirs for ours, theirs in rates]
    ours, theirs = (statistics.median(side) for side in zip(*rates))
    spread = {"ratio": statistics.median(ratios), "from": min(ratios), "to": max(ratios)}
    return {"what": what, **spread, "ours": ours, "copy": theirs}


def transfer_table(transfers: Transfers, users: int) -> str:
    lines = [("users a second", "ratio", "lowest", "highest", "target", "Countersign", "COPY")]
    for of in transfer_rows(transfers, users):
        ratios = [f"{of[name]:.2f}" for name in ("ratio", "from", "to")]
        target = verdict(of["ratio"] >= RATE_TARGET, f">= {RATE_TARGET}") if of["whole"] else ""
        lines.append((of["what"], *ratios, target, f"{of['ours']:,.0f}", f"{of['copy']:,.0f}"))
    return aligned(lines)


def resource_table(transfers: Transfers) -> str:
    lines = [("", "peak MiB", "target", "processor s", "seconds", "WAL MiB", "users MiB")]
    for what, runs in transfers.runs.items():
        if not runs:
            continue
        peak = max(run.peak_mebibytes for run in runs)
        target = "" if what.startswith("copy") else verdict(peak < PEAK_TARGET, f"< {PEAK_TARGET}")
        figures = [statistics.median(values) for values in zip(*((run.processor_seconds, run.seconds) for run in runs))]
        wal = f"{statistics.median(transfers.wal[what]):,.0f}" if what in transfers.wal else ""
        stored = f"{transfers.sizes[what]:,.0f}" if what in transfers.sizes else ""
        lines.append((NAMES[what], f"{peak:.1f}", target, *(f"{figure:,.1f}" for figure in figures), wal, stored))
    return aligned(lines)


NAMES = {
    "import": "countersign import",
    "copy in": "psql, COPY FROM",
    "export": "countersign export",
    "copy out": "psql, COPY TO",
}


def look_up_rows(figures: dict[str, list[Figures]]) -> list[dict]:
    rows = []
    for name, (few, many) in figures.items():
        pairs = {
            "buffers": (few.cost.buffers, many.cost.buffers),
            "statements_ms": (few.cost.milliseconds, many.cost.milliseconds),
        }
        if few.call_milliseconds and many.call_milliseconds:
            pairs["call_ms"] = few.call_milliseconds, many.call_milliseconds
        statements = {"few": few.cost.statements, "many": many.cost.statements}
        read = few.cost.read, many.cost.read
        rows.append({"what": name, "users": (few.users, many.users), "read": read, **pairs, "statements": statements})
    return rows


def look_up_table(figures: dict[str, list[Figures]], few: int, many: int) -> str:
    heads = ["buffers", "plan ms", "call ms"]
    sides = [f"{head} {short(side)}" for head in heads for side in (few, many)]
    lines = [("ratios", *heads, "target", "users", *sides)]
    for of in look_up_rows(figures):
        pairs = [of.get(name) for name in ("buffers", "statements_ms", "call_ms")]
        ratios = [pair[1] / pair[0] if pair and pair[0] else None for pair in pairs]
        # Buffers and calls count. The statements' own time shows where a call's comes from.
        is_met = ratios[0] is not None and all(ratio <= COST_TARGET for ratio in (ratios[0], ratios[2]) if ratio)
        users = " / ".join(dict.fromkeys(str(count) for count in of["users"]))
        values = []
        for pair, form in zip(pairs, ("{:.1f}", "{:.3f}", "{:.2f}")):
            values += [form.format(value) for value in pair] if pair else ["-", "-"]
        texts = [f"{ratio:.2f}" if ratio is not None else "-" for ratio in ratios]
        lines.append((of["what"], *texts, verdict(is_met, f"<= {COST_TARGET}"), users, *values))
    return aligned(lines)


def call_table(calls: Calls) -> str:
    """What examples/load says, and the statements that were carried out in another way."""
    rows = [(figure["name"], figure["measured"], figure["aim"]) for figure in calls.figures]
    changed = [plan for plan in calls.plans if not plan.is_same]
    rows.append(("statements with another plan among many", f"{len(changed)} of {len(calls.plans)}", "0"))
    rows.append(("users that `seed` made in a second", f"{calls.seeded:,.0f}", ""))
    rows.append(("bytes of a user, and of a session", f"{calls.user_bytes:.0f}, {calls.session_bytes:.0f}", ""))
    said = [f"\n{plan.text}\n  few:  {plan.few}\n  many: {plan.many}" for plan in changed]
    return "\n".join([aligned([("", "measured", "target"), *rows]), *said])


def short(users: int) -> str:
    for size, name in ((1_000_000, "M"), (1000, "k")):
        if users >= size:
            return f"{users / size:g}{name}"
    return str(users)


def verdict(is_met: bool, target: str) -> str:
    return f"{target} {'met' if is_met else 'MISSED'}"
