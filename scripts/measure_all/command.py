"""`scripts/measure --all`."""

import argparse
import json
import os
import platform
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from . import chart
from .figures import Figure, between_marks, markdown, table
from .parts import HASHING_COST, PARTS, Measured, Run
from .printed import Point, Rate
from .programs import ROOT, Failed, build

PAGE, CHART = ROOT / "docs/performance.md", ROOT / "docs/performance.svg"
BEGIN, END = "<!-- Written by scripts/measure --all --markdown: -->", "<!-- Up to here. -->"
USERS = 500_000
DESCRIPTION = """\
Measures all that docs/performance.md speaks of, and prints it beside its targets.

    scripts/measure --all [OPTIONS]

It builds what it runs (CARGO names another cargo), takes Postgres' programs, and a quarter of an hour once that is
built; with --short five minutes, which are too few for more than a look. Servers, databases and callers share this
machine: let nothing else use it. Only ratios of one run mean something on another one. A part that fails is told at the
end, and is exit code 1; a target that is missed is not. The plan of capacity takes 5,000,000 users: --users 5000000 takes
half an hour more, and 25 GB."""


class Told:
    """How far it is, on standard error."""

    def __init__(self, parts: int) -> None:
        self._parts, self._begun = parts, time.monotonic()

    def say(self, number: int, what: str) -> None:
        seconds = int(time.monotonic() - self._begun)
        print(f"measure: {seconds // 60}:{seconds % 60:02} {number}/{self._parts} {what}", file=sys.stderr, flush=True)


def conditions(programs: dict[str, Path], users: int, short: bool) -> str:
    cpu = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    memory = re.search(r"^MemTotal:\s+(\d+) kB$", Path("/proc/meminfo").read_text(), re.MULTILINE)
    version = subprocess.run([programs["countersign"], "--version"], capture_output=True, text=True, timeout=30)
    git = ["git", "-C", ROOT, "rev-parse", "--short", "HEAD"]
    commit = subprocess.run(git, capture_output=True, text=True, timeout=30)
    return (
        f"{time.strftime('%Y-%m-%d')}, {version.stdout.strip()} at {commit.stdout.strip() or 'no commit'}, "
        f"{cpu.group(1).strip() if cpu else platform.machine()}, {os.cpu_count()} cores, "
        f"{int(memory.group(1)) / 2**20:.0f} GiB of memory, Linux {platform.release().partition('-')[0]}; "
        f"load {os.getloadavg()[0]:.1f} before it began{', short form' if short else ''}."
    )


def measure(names: list[str], of: Run) -> tuple[dict[str, Measured], dict[str, str]]:
    """What the parts found, and what those said that failed."""
    told, found, failed = Told(len(names)), {}, {}
    for number, name in enumerate(names, 1):
        told.say(number, name)
        try:
            found[name] = PARTS[name](of)
        except (Failed, SystemExit) as error:
            failed[name] = str(error)
    told.say(len(names), "done")
    return found, failed


def parsed(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="measure --all", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--short", action="store_true", help="less of everything")
    names = ", ".join(PARTS)
    parser.add_argument("--only", action="append", choices=PARTS, metavar="PART", help=f"of {names}; repeatable")
    parser.add_argument("--users", type=int, default=USERS, help=f"how many many users are ({USERS:,})")
    parser.add_argument("--folder", type=Path, default=Path("/tmp"), help="on the disk to measure on (/tmp)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures, and what the charts are made of")
    parser.add_argument("--svg", type=Path, metavar="FILE", help="write the charts")
    parser.add_argument("--markdown", action="store_true", help="renew table and charts of docs/performance.md")
    given = parser.parse_args(arguments)
    if given.markdown and given.only:
        parser.error("the page has the figures of all parts")
    if given.users < 10_000:
        parser.error("it takes at least 10,000 users")
    return given


def curves_and_rates(found: dict[str, Measured]) -> tuple[dict[str, list[Point]], list[Rate]]:
    curves = {name: points for of in found.values() for name, points in of.curves.items()}
    return curves, [rate for of in found.values() for rate in of.rates]


def charts(found: dict[str, Measured]) -> str:
    return chart.draw(*curves_and_rates(found), f"Hashes a second at cost {HASHING_COST}, on all cores")


def raw(said: str, figures: list[Figure], found: dict[str, Measured], failed: dict[str, str]) -> str:
    curves, rates = curves_and_rates(found)
    return json.dumps({
        "conditions": said,
        "figures": [figure._asdict() | {"met": figure.is_met} for figure in figures],
        "curves": {name: [point._asdict() for point in points] for name, points in curves.items()},
        "hashing": [rate._asdict() for rate in rates],
        "failed": failed,
    }, indent=2)  # fmt: skip


def main(arguments: list[str]) -> None:
    given = parsed(arguments)
    # However it ends, its programs end with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    programs = build()
    with tempfile.TemporaryDirectory(prefix="countersign-measure-") as folder:
        of = Run(programs, given.folder, Path(folder), given.users, given.short)
        said = conditions(programs, given.users, given.short)
        found, failed = measure(given.only or list(PARTS), of)
    figures = [figure for measured in found.values() for figure in measured.figures]
    print(f"{said}\n\n{table(figures)}")
    if given.json:
        given.json.write_text(raw(said, figures, found, failed))
    if given.svg:
        given.svg.write_text(charts(found))
    for name, why in failed.items():
        print(f"\n{name} FAILED: {why}", file=sys.stderr)
    if given.markdown and not failed:
        PAGE.write_text(between_marks(PAGE.read_text(), BEGIN, END, f"\n{said}\n\n{markdown(figures)}\n"))
        CHART.write_text(charts(found))
    sys.exit(1 if failed else 0)
