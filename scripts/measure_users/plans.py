"""What statements cost, by the plans that auto_explain wrote to Postgres's log."""

import json
import re
import statistics
from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

# Only these are about users: others of a call count attempts, or are of tasks in the background.
TABLES = {"users", "user_roles", "totp_factors"}
# The prefix that cluster.py sets, and the plan in lines that begin with a tab.
ENTRY = re.compile(r"^([^,\n]*),\d+,LOG:  duration: ([\d.]+) ms  plan:\n((?:\t.*\n)+)", re.MULTILINE)


class Cost(NamedTuple):
    """Of one call: all its statements about users together."""

    # Pages of 8 KiB that were looked at, those that were read from the disk among them.
    buffers: float
    read: float
    milliseconds: float
    # The statements, and how they were carried out.
    statements: list[dict]


def cost(log: str, database: str, calls: int) -> Cost:
    """The mean of the buffers, and the median of the times, of the statements that each of so many calls ran."""
    by_text = defaultdict(list)
    for milliseconds, plan in plans(log, database):
        by_text[plan["Query Text"]].append((milliseconds, plan))
    buffers, read, milliseconds, statements = 0.0, 0.0, 0.0, []
    for text, runs in by_text.items():
        if len(runs) < calls or TABLES.isdisjoint(tables(runs[0][1]["Plan"])):
            continue
        of_a_call = len(runs) / calls
        hit = statistics.fmean(plan["Plan"]["Shared Hit Blocks"] for _, plan in runs) * of_a_call
        missed = statistics.fmean(plan["Plan"]["Shared Read Blocks"] for _, plan in runs) * of_a_call
        took = statistics.median(time for time, _ in runs) * of_a_call
        buffers, read, milliseconds = buffers + hit + missed, read + missed, milliseconds + took
        ways = sorted({shape(plan["Plan"]) for _, plan in runs})
        statements.append({"text": text, "a call": of_a_call, "buffers": hit + missed, "ms": took, "plans": ways})
    return Cost(buffers, read, milliseconds, statements)


def shapes(log: str, database: str, of: set[str], least: int) -> dict[str, set[str]]:
    """By the text of each statement about those tables that ran so often at least: how it was carried out."""
    by_text = defaultdict(list)
    for _, plan in plans(log, database):
        by_text[plan["Query Text"]].append(plan["Plan"])
    runs = {text: found for text, found in by_text.items() if len(found) >= least}
    return {text: {shape(plan) for plan in found} for text, found in runs.items() if not of.isdisjoint(tables(found[0]))}


def plans(log: str, database: str) -> Iterator[tuple[float, dict]]:
    for of, milliseconds, plan in ENTRY.findall(log):
        if of == database:
            yield float(milliseconds), json.loads(plan)


def nodes(plan: dict) -> Iterator[dict]:
    yield plan
    for below in plan.get("Plans", []):
        yield from nodes(below)


def tables(plan: dict) -> set[str]:
    return {node["Relation Name"] for node in nodes(plan) if "Relation Name" in node}


def shape(plan: dict) -> str:
    """The kinds of its nodes, from above to below, and their indexes."""
    return " < ".join(" ".join(filter(None, [node["Node Type"], node.get("Index Name")])) for node in nodes(plan))
