"""Which settings are secrets, and what rules may have. That values name all settings and no others: tests/it/config_command.rs."""

import json
import re
from collections.abc import Iterator

from .chart import CHART, ROOT


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
    schema = json.loads((CHART / "values.schema.json").read_text())
    for member in sorted(rule_members() ^ set(schema["definitions"]["rule"]["properties"])):
        yield f"rules have {member}, or authz.rules of values.schema.json does: not both"
