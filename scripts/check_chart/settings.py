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
    "COUNTERSIGN_AUTHZ_COOKIE",
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


def rule_members() -> set[str]:
    """What a rule of the file for ext_authz may have."""
    source = (ROOT / "src/domain/authorization/file.rs").read_text()
    entry = re.search(r"^struct Entry \{\n(.*?)^\}", source, re.MULTILINE | re.DOTALL)[1]
    return set(re.findall(r"^    (\w+):", entry, re.MULTILINE))


def faults() -> Iterator[str]:
    whole = json.loads((CHART / "values.schema.json").read_text())
    schema = whole["properties"]
    for member in sorted(rule_members() ^ set(whole["definitions"]["rule"]["properties"])):
        yield f"rules have {member}, or authz.rules of values.schema.json does: not both"
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
