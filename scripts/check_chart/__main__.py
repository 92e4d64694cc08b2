"""python -m check_chart BINARY SOCKET, or --short: see scripts/check-chart."""

import subprocess
import sys
import tempfile
from pathlib import Path

from . import guides, manifests, refused, relations, running, settings
from .chart import CHART, CHECKER, ROOT, helm, objects, render, value_sets

DEFINITIONS = ROOT / ".tools/chart/crds"


def report(what: str, faults: list[str]) -> None:
    for fault in faults:
        print(f"check-chart: {fault}", file=sys.stderr)
    if faults:
        sys.exit(1)
    print(f"ok: {what}", flush=True)


def versions() -> list[str]:
    crate = (ROOT / "Cargo.toml").read_text().split('\nversion = "')[1].split('"')[0]
    chart = (CHART / "Chart.yaml").read_text().split('\nappVersion: "')[1].split('"')[0]
    return [] if crate == chart else [f"appVersion of the chart is {chart}, the service is {crate}"]


def rendered(folder: Path) -> list[Path]:
    """Every set of values, also those of the guides, and every manifest that somebody may copy."""
    shown, values_shown = guides.write(folder)
    secrets = settings.documented_secrets()
    written = [*shown, *sorted(manifests.FOLDER.glob("*.yaml"))]
    faults, published = [], set()
    for values in (*value_sets(), *values_shown):
        helm("lint", "--strict", "--quiet", CHART, "--values", values)
        text = render(values)
        faults += [f"{values.name}: {fault}" for fault in relations.faults(objects(text), secrets)]
        if values in values_shown:
            published |= relations.published(objects(text))
        written.append(folder / f"rendered-{values.name}")
        written[-1].write_text(text)
    faults += guides.faults(published)
    sets = f"{len(value_sets())} sets of values and {len(values_shown)} of the guides"
    report(f"{sets}: lint, and what the objects are to one another", faults)
    return written


def main() -> None:
    report("the chart's version is the service's", versions())
    report("authz.rules of the values has what rules have", list(settings.faults()))
    report(f"{len(refused.VALUES)} mistakes in values are refused", list(refused.faults()))
    report("deploy/kubernetes is what the chart renders", list(manifests.faults()))
    with tempfile.TemporaryDirectory() as folder:
        written = rendered(Path(folder))
        if sys.argv[1:] == ["--short"]:
            return
        if subprocess.run([CHECKER, "validate", DEFINITIONS, *written], check=False).returncode:
            sys.exit(1)
    binary, socket = Path(sys.argv[1]).resolve(), sys.argv[2]
    running.run(binary, socket)
    report(f"the service runs with each of {len(value_sets())} sets, and the kubelet's probes tell the truth", [])


main()
