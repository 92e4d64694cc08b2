"""Passkeys: registrations and assertions of an authenticator that is not ours, broken in many ways, and what verifiers that are
not ours say of them.

Every mutation goes by the rule that it breaks; where another verifier takes what ours refuses, or the other way round, the rule
stands in `DIFFERENCES` with the number of them and the reason. A difference that is not listed fails, and so does a listed one
that has gone. What is listed is no flaw of theirs: they leave the rule to their caller, or read more than one spelling.
"""

import json
import os
import subprocess
from collections import Counter
from pathlib import Path

import passkey_clients
import pytest

from countersign import ROOT
from languages import HERE, Node, execute
from passkeys.differences import DIFFERENCES, TAKEN

# Seconds for all of a verifier's verdicts.
PATIENCE = 120


@pytest.fixture(scope="module")
def python() -> Path:
    return passkey_clients.python()


@pytest.fixture(scope="module")
def lines(python: Path) -> list[str]:
    return subprocess.run([python, HERE / "passkeys/cases.py"], check=True, capture_output=True, text=True, timeout=PATIENCE).stdout.splitlines()


def ours() -> Path:
    """The example that prints our verdicts. The tests in Rust have built it; it needs no release build."""
    if binary := os.environ.get("COUNTERSIGN_PASSKEY_VERDICTS"):
        return Path(binary)
    execute(["cargo", "build", "--locked", "--example", "passkey_verdicts"], ROOT)
    return Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug/examples/passkey_verdicts"


def verdicts(command: list[object], folder: Path, lines: list[str]) -> list[str]:
    done = subprocess.run(
        [str(part) for part in command], cwd=folder, input="\n".join(lines) + "\n", check=True, capture_output=True, text=True, timeout=PATIENCE
    )
    answers = done.stdout.splitlines()
    assert len(answers) == len(lines), done.stderr
    return answers


@pytest.mark.short
def test_other_verifiers_judge_the_same(python: Path, lines: list[str], tmp_path: Path):
    Node().prepare(tmp_path)
    commands = {
        "fido2": [python, HERE / "passkeys/fido2_verdicts.py"],
        "simplewebauthn": ["node", HERE / "node/passkeys.mjs"],
    }
    cases = [json.loads(line) for line in lines]
    mutations = Counter(case["ceremony"] for case in cases if case["rule"] not in TAKEN)
    assert min(mutations.values()) >= 200, mutations

    of_ours = verdicts([ours()], tmp_path, lines)
    for case, verdict in zip(cases, of_ours, strict=True):
        assert (verdict == "accepted") == (case["rule"] in TAKEN), (verdict, case)

    found = Counter()
    for name, command in commands.items():
        for case, our, their in zip(cases, of_ours, verdicts(command, tmp_path, lines), strict=True):
            if (our == "accepted") != (their == "accepted"):
                found[name, case["ceremony"], case["rule"]] += 1
    listed = Counter()
    for rule, name, registrations, assertions, _reason in DIFFERENCES:
        listed += Counter({(name, "registration", rule): registrations, (name, "assertion", rule): assertions})
    assert found == listed
