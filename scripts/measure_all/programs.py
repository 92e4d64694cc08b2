"""Our programs: built once, and run with a bound on their time."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# The binary by itself: what only examples and benchmarks depend on would give its own dependencies more features.
BUILDS = (["--bin", "countersign"], ["--example", "load", "--bench", "tokens", "--bench", "engine"])


class Failed(Exception):
    """A program that did not end well; what it said."""


def build() -> dict[str, Path]:
    """The programs, by name. `CARGO` names another cargo."""
    built = {}
    for targets in BUILDS:
        options = ["--release", "--locked", "--message-format=json-render-diagnostics", *targets]
        command = [os.environ.get("CARGO", "cargo"), "build", *options]
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        if done.returncode:
            sys.exit("measure: the build failed")
        messages = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        built |= {of["target"]["name"]: Path(of["executable"]) for of in messages if of.get("executable")}
    return built


def run(command: list[object], timeout: float, **options: object) -> str:
    """What it prints. Its progress, on standard error, is shown on a terminal."""
    shown = sys.stderr.isatty()
    process = subprocess.Popen(
        [str(part) for part in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=None if shown else subprocess.PIPE, text=True, start_new_session=True, **options,
    )  # fmt: skip
    try:
        out, errors = process.communicate(timeout=timeout)
    except BaseException as error:
        # Those that it has started end with it.
        os.killpg(process.pid, signal.SIGTERM)
        process.communicate()
        if isinstance(error, subprocess.TimeoutExpired):
            raise Failed(f"it took more than {timeout:.0f} seconds") from error
        raise
    if process.returncode:
        raise Failed(f"{Path(str(command[0])).name} failed ({process.returncode}): {(errors or out)[-2000:].strip()}")
    return out
