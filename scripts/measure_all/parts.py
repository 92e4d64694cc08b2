"""The parts: each runs one of our programs, and gives its figures."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from measure_users.cluster import Cluster

from . import printed
from .figures import Figure
from .programs import ROOT, run

# The cost that `hashing` compares at: a quarter of the default's work, so that rounds are short.
HASHING_COST = 10
# What the plan of capacity reckons with.
PLANNED_COST = 12


class Measured(NamedTuple):
    """What a part has found: its figures, and for the charts its curves and rates."""

    figures: list[Figure]
    curves: dict[str, list[printed.Point]] = {}
    rates: list[printed.Rate] = []


class Run(NamedTuple):
    """What the parts run with."""

    programs: dict[str, Path]
    # Where databases are made: on the disk to measure on, and open to the user that Postgres runs as.
    disk: Path
    # For files between programs.
    folder: Path
    users: int
    short: bool

    def seconds(self, full: int, short: int) -> str:
        return f"--seconds={short if self.short else full}"

    def load(self, scenario: str, *options: str) -> list[Figure]:
        command = [self.programs["load"], "--json", f"--scenario={scenario}", *options]
        return printed.loaded(run(command, 300))

    @contextmanager
    def database(self) -> Iterator[str]:
        """The URL of an empty database, in a cluster of its own."""
        with Cluster(self.disk, {"shared_preload_libraries": "pg_stat_statements"}) as cluster:
            cluster.create("measured")
            yield cluster.url("measured")


def start(of: Run) -> Measured:
    lines = run([ROOT / "scripts/measure", "--json", of.programs["countersign"]], 120).splitlines()
    rows = json.loads(lines[0])
    return Measured([Figure("start", row["what"], f"{row['number']:.1f} {row['unit']}", row["target"]) for row in rows])


def tokens(of: Run) -> Measured:
    pace = ["--rounds=5", "--milliseconds=150"] if of.short else ["--rounds=15", "--milliseconds=300"]
    with of.database() as url:
        text = run([of.programs["tokens"], "--bench", *pace, f"--postgres={url}"], 900)
    return Measured(printed.compared("tokens", text))


def curve(of: Run) -> Measured:
    figures = of.load("curve", of.seconds(15, 5))
    return Measured([], curves=printed.curves(figures))


def overload(of: Run) -> Measured:
    figures = of.load("overload", of.seconds(10, 3))
    known = run([of.programs["load"], "--help"], 30)
    if "- accounts:" in known:
        figures += of.load("accounts", of.seconds(10, 3))
    return Measured([figure for figure in figures if figure.target])


def hashing(of: Run) -> Measured:
    rounds = "--rounds=3" if of.short else "--rounds=9"
    text = run([of.programs["engine"], "--bench", f"--cost={HASHING_COST}", rounds], 600)
    rates = printed.hashed(text)
    part = f"hashing at cost {HASHING_COST}, by the bcrypt crate's rate"
    return Measured([Figure(part, rate.side, f"{rate.ratio:.2f}", rate.target) for rate in rates[1:]], rates=rates)


def connections(of: Run) -> Measured:
    return Measured(of.load("connections"))


def database(of: Run) -> Measured:
    with of.database() as url:
        figures = of.load("database", of.seconds(10, 5), f"--postgres={url}")
    calibrated = json.loads(run([of.programs["countersign"], "calibrate", "--json", "--seconds=3"], 120))
    return Measured(figures + carried(figures, calibrated))


def carried(figures: list[Figure], calibrated: dict) -> list[Figure]:
    """How many hashing cores one database carries."""
    part = figures[0].part
    value = {figure.name: float(figure.measured.split(" ")[0]) for figure in figures}
    [rate] = [row["logins_per_second"] for row in calibrated["costs"] if row["cost"] == PLANNED_COST]
    of_a_core = rate / calibrated["cores"]
    of_a_postgres_core = 1e6 / value["Postgres' processor a login"]
    return [
        Figure(part, f"logins/s of a hashing core at cost {PLANNED_COST}", f"{of_a_core:.1f}"),
        Figure(part, "hashing cores for as many logins/s as measured", f"{value['logins/s'] / of_a_core:.0f}"),
        Figure(part, "hashing cores for a core of Postgres", f"{of_a_postgres_core / of_a_core:.0f}"),
    ]


def users(of: Run) -> Measured:
    file = of.folder / "users.json"
    count = min(of.users, 100_000) if of.short else of.users
    command = [ROOT / "scripts/measure-users", "--only=calls", f"--users={count}", of.seconds(10, 3)]
    run([*command, f"--folder={of.disk}", f"--json={file}", of.programs["countersign"]], 4 * 3600)
    said = json.loads(file.read_text())
    file.unlink()
    part = f"{count:,} users, {count * said['counts']['sessions_a_user']:,} sessions"
    figures = [Figure(part, row["name"], row["measured"], row["aim"]) for row in said["calls"]]
    changed = sum(not plan["same"] for plan in said["plans"])
    figures.append(Figure(part, "statements with another plan than among few", str(changed), "≤ 0"))
    figures.append(Figure(part, "users that `seed` made in a second", f"{said['seeded_per_second']:.0f}"))
    sizes = ("user", "session")
    figures += [Figure(part, f"bytes of a {of}, with its indexes", f"{said[f'{of}_bytes']:.0f}") for of in sizes]
    return Measured(figures)


# By name, in the order in which they run: what a busy disk disturbs is before what keeps it busy.
PARTS: dict[str, Callable[[Run], Measured]] = {
    "start": start,
    "tokens": tokens,
    "curve": curve,
    "hashing": hashing,
    "overload": overload,
    "connections": connections,
    "database": database,
    "users": users,
}
