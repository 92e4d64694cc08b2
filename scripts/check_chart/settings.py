"""The settings that values may name are those of docs/configure.md: each has one place, and there are no others."""

import json
import re
from collections.abc import Iterator

from .chart import CHART, ROOT

# They have values of their own, of which more than the setting is made.
OF_OTHER_VALUES = {
    "COUNTERSIGN_GRPC_ADDR",
    "COUNTERSIGN_HTTP_ADDR",
    "COUNTERSIGN_ADMIN_ADDR",
    "COUNTERSIGN_MIGRATE",
    "COUNTERSIGN_DRAIN_DELAY",
    "COUNTERSIGN_SHUTDOWN_TIMEOUT",
}
# That of callers is no secret, but it may stand in a file as well.
WITH_FILE = {"COUNTERSIGN_CALLERS"}


def documented() -> set[str]:
    text = (ROOT / "docs/configure.md").read_text()
    return set(re.findall(r"^\| `([A-Z_]+)` \|", text, re.MULTILINE))


def documented_secrets() -> set[str]:
    """Secrets are the settings whose value no flag takes, and DATABASE_URL, which may hold a password."""
    source = "".join(path.read_text() for path in sorted((ROOT / "src/config").glob("*.rs")))
    return {"DATABASE_URL", *re.findall(r'\bsecret\(\s*"([A-Z_]+)"', source)}


def faults() -> Iterator[str]:
    schema = json.loads((CHART / "values.schema.json").read_text())["properties"]
    plain, secret = (set(schema[part]["properties"]) for part in ("settings", "secrets"))
    secrets = documented_secrets()
    files = {f"{setting}_FILE" for setting in secrets | WITH_FILE}
    expected = documented() - secrets - OF_OTHER_VALUES | files
    for wrong, what in (
        (expected - plain, "is missing in `settings` of values.schema.json"),
        (plain - expected, "is in `settings` of values.schema.json, and should not be"),
        (secrets - secret, "is missing in `secrets` of values.schema.json"),
        (secret - secrets, "is in `secrets` of values.schema.json, and is none"),
    ):
        for setting in sorted(wrong):
            yield f"{setting} {what}"
