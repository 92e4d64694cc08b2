"""Programs that a test starts: each with a log of its own, a bounded wait until it serves, and an end."""

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

# Seconds. Generous: it bounds a failure, and no test is slower for it.
START, STOP = 60, 60


class Failed(AssertionError):
    """A server or client did something else than promised."""


def free_port() -> int:
    """A port on loopback that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(what: str, condition: Callable[[], object], seconds: float = START):
    """The condition's first true answer. Fails, naming what was waited for, if there is none in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if answer := condition():
            return answer
        time.sleep(0.02)
    raise Failed(f"waited {seconds} s in vain: {what}")


def accepts(port: int) -> bool:
    """Whether something accepts connections on this port of loopback."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


class Program:
    """A process with a log. Ends with the test, however the test ends."""

    def __init__(self, name: str, command: list[object], folder: Path, environment: dict[str, str] | None = None):
        self.name = name
        self.log = folder / f"{name}.log"
        self.command = [str(part) for part in command]
        self.environment = environment or dict(os.environ)
        self.folder = folder
        self.process: subprocess.Popen | None = None

    def start(self) -> "Program":
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command, cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        return self

    def wait_for(self, what: str, condition: Callable[[], object], seconds: float = START):
        """As `wait_until`; fails at once, with the end of the log, if the program ends."""

        def checked():
            if self.process is None or self.process.poll() is not None:
                raise Failed(f"{self.name} has ended ({self.process and self.process.returncode}); its log ends with:\n{self.tail()}")
            return condition()

        try:
            return wait_until(f"{self.name}: {what}", checked, seconds)
        except Failed as failure:
            raise Failed(f"{failure}\n{self.tail()}") from None

    def signal(self, number: int) -> None:
        if self.process and self.process.poll() is None:
            self.process.send_signal(number)

    def stop(self, seconds: float = STOP) -> int:
        """Asks it to end and waits. The exit status."""
        if self.process is None:
            return 0
        self.signal(signal.SIGTERM)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise Failed(f"{self.name} did not end within {seconds} s of SIGTERM") from None

    def kill(self) -> None:
        if self.process:
            self.signal(signal.SIGKILL)
            self.process.wait()

    def text(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def tail(self, lines: int = 30) -> str:
        return "\n".join(self.text().splitlines()[-lines:])


@contextlib.contextmanager
def running(program: Program) -> Iterator[Program]:
    """Starts a program, and kills it at the end if the test has not stopped it."""
    try:
        yield program.start()
    finally:
        program.kill()
