"""Runs the Connect conformance suite for scripts/check-conformance, and compares what fails with what we have decided.

A case of a decision must fail, and for no other complaint than the decision's: a wrong code is not hidden by an error that has
more details than the suite expects.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

CONFIG = Path(__file__).parent / "conformance" / "config.yaml"


@dataclass(frozen=True)
class Decision:
    """Cases that fail, and why that is right."""

    reason: str
    # The name of a suite, and how names of its cases end.
    cases: tuple[tuple[str, str], ...]
    # What is wrong with them: whole lines.
    complaints: tuple[str, ...]
    # Whether the cases may pass as well.
    may_pass: bool = False

    def has(self, name: str) -> bool:
        return any(name.startswith(f"{suite}/") and name.endswith(f"/{case}") for suite, case in self.cases)

    def patterns(self) -> Iterator[str]:
        """As the suite has them."""
        return (f"{suite}/**/{case}" for suite, case in self.cases)


CONNECT, GRPC, WEB = "Connect Unexpected Requests", "gRPC Unexpected Requests", "gRPC-Web Unexpected Requests"
SIZES = "Server Message Size"
DETAILS = r"actual error contain [12] details; expecting 0"
INVALID = r"actual error \{code: 3 \(invalid_argument\), message: \"(body|content-type|method|request): must .*\"\} "

DECISIONS = (
    Decision(
        "each error of ours has details (docs/errors.md)",
        (
            ("Basic", "unimplemented"),
            (CONNECT, "unexpected-compression"),
            (GRPC, "unexpected-compression"),
            (GRPC, "unexpected-uri"),
            (GRPC, "client-stream/incomplete-message"),
            (GRPC, "client-stream/incomplete-message-prefix"),
            (WEB, "unexpected-compression"),
            (CONNECT, "unexpected-uri"),
        ),
        (DETAILS,),
    ),
    Decision(
        "the same, where the suite's own deadline may pass first",
        tuple(
            ("Timeouts", case)
            for case in ("unary", "client-stream", "server-stream", "bidi-stream/full-duplex", "bidi-stream/half-duplex")
        ),
        (DETAILS,),
        may_pass=True,
    ),
    Decision(
        "what a caller sends wrong is INVALID_ARGUMENT, with the field (ADR 4)",
        (
            (SIZES, "request-exceeds-server-limit"),
            (SIZES, "first-request-exceeds-server-limit"),
            (SIZES, "subsequent-request-exceeds-server-limit"),
            (CONNECT, "server-stream/no-request"),
            (CONNECT, "server-stream/multiple-requests"),
            (CONNECT, "unexpected-compressed-message"),
            (CONNECT, "unexpected-verb"),
            (CONNECT, "unexpected-codec"),
            ("Unexpected Requests/HTTPVersion:1/Protocol:PROTOCOL_CONNECT", "unexpected-content-type"),
            ("Unexpected Requests/HTTPVersion:2/Protocol:PROTOCOL_CONNECT", "unexpected-content-type"),
            (GRPC, "unary/no-request"),
            (GRPC, "server-stream/no-request"),
            (GRPC, "unexpected-compressed-message"),
            (WEB, "unary/no-request"),
            (WEB, "server-stream/no-request"),
            (WEB, "unexpected-compressed-message"),
        ),
        (INVALID + r"does not match expected code \d+ \((resource_exhausted|unimplemented|internal|unknown)\)", DETAILS),
    ),
    Decision(
        "HTTP's status is right, and the body says why in JSON, which the suite takes for an error of Connect's",
        (
            ("Unexpected Requests/HTTPVersion:1/Protocol:PROTOCOL_GRPC_WEB", "unexpected-content-type"),
            ("Unexpected Requests/HTTPVersion:2/Protocol:PROTOCOL_GRPC_WEB", "unexpected-content-type"),
            ("Unexpected Requests/HTTPVersion:2/Protocol:PROTOCOL_GRPC", "unexpected-content-type"),
            (WEB, "unexpected-verb"),
            (WEB, "unexpected-uri"),
            (WEB, "unexpected-codec"),
        ),
        ("connect error JSON: unexpected end of JSON input",),
        # It depends on how much of the body it has seen.
        may_pass=True,
    ),
    Decision(
        "tonic takes the first message of a unary call, and does not look for another",
        (
            (GRPC, "unary/multiple-requests"),
            (GRPC, "server-stream/multiple-requests"),
            (WEB, "unary/multiple-requests"),
            (WEB, "server-stream/multiple-requests"),
        ),
        ("expecting an error but received none", "expecting 0 response messages but instead got 1"),
    ),
)


def failures(output: str) -> dict[str, list[str]]:
    """The cases that failed as expected, each with what the suite complains of."""
    found = {}
    for part in re.split(r"^INFO: ", output, flags=re.MULTILINE)[1:]:
        name, _, rest = part.partition(" failed (as expected):\n")
        complaints = re.match(r"(?:[ \t].*\n|\n(?=[ \t]))*", rest)
        found[name] = [line.strip() for line in complaints[0].splitlines() if line.strip()]
    return found


def surprises(found: dict[str, list[str]]) -> Iterator[str]:
    """Complaints that are not those of the decision."""
    for name, complaints in found.items():
        decided = [complaint for decision in DECISIONS if decision.has(name) for complaint in decision.complaints]
        for complaint in complaints:
            if not any(re.fullmatch(known, complaint) for known in decided):
                yield f"{name}: {complaint}"
        if not complaints:
            yield f"{name}: no complaint"


def arguments() -> Iterator[str]:
    for decision in DECISIONS:
        flag = "--known-flaky" if decision.may_pass else "--known-failing"
        for pattern in decision.patterns():
            yield from (flag, pattern)


def main(suite: str, *server: str) -> int:
    command = [suite, "--mode", "server", "--conf", str(CONFIG), *arguments(), "--", *server]
    run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300)
    found = failures(run.stdout)
    wrong = list(surprises(found))
    for line in wrong:
        print(f"NOT DECIDED: {line}")
    if wrong or run.returncode:
        print(run.stdout)
        return 1
    for decision in DECISIONS:
        print(f"{sum(map(decision.has, found)):4} cases differ: {decision.reason}")
    print(re.search(r"Total cases:.*", run.stdout, flags=re.DOTALL)[0].strip())
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
