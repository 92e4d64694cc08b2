"""What Postgres's own log says of a minute in which every RPC is called all the time: nothing."""

from pathlib import Path

import pytest

from countersign import Countersign
from every_rpc import SETTINGS, World
from postgres import Postgres, newer, programs

# Seconds.
A_MINUTE = 60


@pytest.mark.parametrize("release", ["Debian's", "17", "18"])
def test_a_minute_of_every_rpc_leaves_no_line_in_the_servers_log(tmp_path: Path, run, release: str):
    servers = programs() if release == "Debian's" else newer(release)
    # Checkpoints are logged by default, and are not of our doing.
    postgres = Postgres(tmp_path, "postgres", "-clog_checkpoints=off", servers=servers)
    try:
        postgres.initialise()
        run(postgres)
        server = run(Countersign(tmp_path, postgres.url(), **SETTINGS))
        # The first start looks for what is not there yet, and pg_isready comes without a user.
        before = len(postgres.text())
        world = World(server)
        world.run(A_MINUTE)
        assert not world.call.missing()
        assert server.stop() == 0
        lines = postgres.text()[before:].splitlines()
        calls = world.call.answers.total()
        print(f"{postgres.sql('SHOW server_version')}: {calls} calls, {len(lines)} lines")
        assert lines == []
        # That such a line would have been seen.
        postgres.sql("ROLLBACK")
        assert "WARNING:  there is no transaction in progress" in postgres.text()[before:]
    finally:
        postgres.kill()
        postgres.remove()
