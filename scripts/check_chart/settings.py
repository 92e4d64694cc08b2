"""Which settings are secrets. That values name all settings and no others: tests/it/config_command.rs."""

import re

from .chart import ROOT


def documented_secrets() -> set[str]:
    """Secrets are the settings whose value no flag takes, and DATABASE_URL, which may hold a password."""
    source = "".join(path.read_text() for path in sorted((ROOT / "src/config").glob("*.rs")))
    return {"DATABASE_URL", *re.findall(r'\bsecret\(\s*"([A-Z_]+)"', source)}
