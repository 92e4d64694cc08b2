"""What the tests share: a Postgres cluster, the service's stubs, and replicas that end with their test."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from countersign import Countersign, generate_stubs
from postgres import Postgres
from programs import Program, running
from upstream import Upstream, behind


@pytest.fixture(scope="session", autouse=True)
def stubs(tmp_path_factory: pytest.TempPathFactory) -> None:
    generate_stubs(tmp_path_factory.mktemp("stubs"))


@pytest.fixture
def run() -> Iterator[Callable[[Program], Program]]:
    """Starts programs that end with the test."""
    with contextlib.ExitStack() as programs:
        yield lambda program: programs.enter_context(running(program))


@pytest.fixture
def postgres(tmp_path: Path, run) -> Iterator[Postgres]:
    cluster = Postgres(tmp_path)
    try:
        cluster.initialise()
        yield run(cluster)
        cluster.kill()
    finally:
        cluster.remove()


@pytest.fixture
def server(tmp_path: Path, run) -> Countersign:
    """One replica on SQLite."""
    return run(Countersign(tmp_path, f"sqlite://{tmp_path}/countersign.db"))


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    """A service behind a proxy."""
    with behind() as started:
        yield started
