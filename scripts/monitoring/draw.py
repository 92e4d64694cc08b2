"""python -m monitoring.draw FILE SECONDS: see scripts/draw-dashboard."""

import contextlib
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/real"))

from countersign import generate_stubs  # noqa: E402
from monitored import Monitored  # noqa: E402
from postgres import Postgres  # noqa: E402
from programs import running  # noqa: E402

from .figures import Span, lines  # noqa: E402
from .picture import picture  # noqa: E402

# How long rates are over, in seconds, and what is left out at the beginning because of it.
INTERVAL = 20


def main(file: Path, seconds: float) -> None:
    with contextlib.ExitStack() as programs:
        folder = Path(programs.enter_context(tempfile.TemporaryDirectory()))
        generate_stubs(folder)
        postgres = Postgres(folder)
        programs.callback(postgres.remove)
        postgres.initialise()
        programs.enter_context(running(postgres))
        monitored = Monitored(folder, postgres, lambda program: programs.enter_context(running(program)))
        begin = time.time() + INTERVAL
        monitored.calls_for(INTERVAL + seconds, workers=2)
        span = Span(begin, time.time())
        file.write_text(picture(lambda panel: lines(monitored.prometheus.url, panel, span, f"{INTERVAL}s"), span))


main(Path(sys.argv[1]), float(sys.argv[2]))
