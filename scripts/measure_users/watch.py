"""A program that runs, watched: how long it takes for each tenth of what it writes, and its memory."""

import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

# How often memory and size are looked at.
STEP_SECONDS = 0.01


class Run(NamedTuple):
    seconds: float
    # Of each tenth: from when the size had grown so far to when it had grown a tenth more.
    tenths: list[float]
    # The most memory that was resident at a time.
    peak_mebibytes: float
    # Processor time of the program; the database's is not in it.
    processor_seconds: float


def run(command: list[object], size: Callable[[], int], timeout: float, **options: object) -> Run:
    """Runs it to its end. `size` tells how much there is of what grows steadily from nothing while it runs."""
    spent = processor_seconds()
    started = time.perf_counter()
    # Not a pipe: a program that writes more than a pipe holds would wait.
    output = tempfile.TemporaryFile()  # noqa: SIM115: closed below
    process = subprocess.Popen(
        [str(part) for part in command], stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, **options
    )
    grown, peak = [(0.0, 0)], 0.0
    try:
        while process.poll() is None:
            peak = max(peak, peak_of(process.pid))
            grown.append((time.perf_counter() - started, size()))
            if grown[-1][0] > timeout:
                sys.exit(f"measure-users: it takes more than {timeout:.0f} seconds: {command}")
            time.sleep(STEP_SECONDS)
        seconds = time.perf_counter() - started
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    with output:
        output.seek(0)
        if process.returncode:
            sys.exit(f"measure-users: {command} failed ({process.returncode}):\n{output.read()[-4000:].decode()}")
    return Run(seconds, tenths(grown, size(), seconds), peak, processor_seconds() - spent)


def tenths(grown: list[tuple[float, int]], whole: int, seconds: float) -> list[float]:
    """Between two looks the size is taken to grow steadily. The last tenth ends with the program."""
    ends = [0.0]
    for number in range(1, 10):
        wanted = whole * number / 10
        after = next((n for n, (_, size) in enumerate(grown) if size >= wanted), None)
        if not after:
            # Shorter than a look.
            return []
        (t0, size0), (t1, size1) = grown[after - 1], grown[after]
        ends.append(t0 + (t1 - t0) * (wanted - size0) / (size1 - size0))
    return [end - begin for begin, end in pairwise([*ends, seconds])]


def peak_of(pid: int) -> float:
    """0 for one that has just ended."""
    try:
        found = re.search(r"^VmHWM:\s+(\d+) kB$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    except OSError:
        return 0.0
    return int(found.group(1)) / 1024 if found else 0.0


def processor_seconds() -> float:
    """Of all programs that were run and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
