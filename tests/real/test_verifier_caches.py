"""How long verifiers keep our keys, by figures: the table of docs/verifiers.md.

Each verifier has an issuer of its own, whose metrics count its fetches. Nearly all of the 26 minutes is waiting, and all of them wait
at once.
"""

import time
import urllib.request
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from issuer import Issuer, part
from languages import ISSUER, Talker, guide
from programs import wait_until
from test_verifiers import VERIFIERS, Verifier, accepted, kid

MINUTES = 60
# In which no end is seen of what has none. All times are seconds.
LONG = 25 * MINUTES
# Between two looks at something that lasts for minutes.
STEP = 5
TOLERANCE = 15
# Tokens of made-up keys, one a second.
MADE_UP = 40


@dataclass(frozen=True)
class Row:
    """What the page says of a guide's verifier, as it is there or with a change."""

    name: str
    # Seconds from one fetch to the next while it gets tokens of a key that it knows; none in `LONG`.
    kept: int | None
    # How often it fetches for `MADE_UP` keys that there are not: at least, at the most.
    fetches: tuple[int, int]
    change: tuple[str, str] | None = None
    called: str = ""
    # It does not fetch for a key that it doesn't know.
    waits: bool = False
    # It goes on taking a key that was not in the set that it has fetched again.
    takes_stale: bool = False

    @property
    def verifier(self) -> Verifier:
        return next(verifier for verifier in VERIFIERS if verifier.name == self.name)

    def __str__(self) -> str:
        return self.called or self.name


ROWS = [
    Row("verify-jose", 10 * MINUTES, (1, 2)),
    Row("verify-express", 10 * MINUTES, (1, 2)),
    Row("verify-jsonwebtoken", 10 * MINUTES, (MADE_UP, MADE_UP)),
    Row("verify-jsonwebtoken", 10 * MINUTES, (4, 5), ("timeout: 5_000", "rateLimit: true, jwksRequestsPerMinute: 5"), "jwks-rsa, 5 a minute"),
    Row("verify-fast-jwt", 1 * MINUTES, (MADE_UP, MADE_UP), takes_stale=True),
    Row("verify_pyjwt", 5 * MINUTES, (1, 2)),
    Row("verify_pyjwt", None, (1, 2), ("timeout=5", "cache_keys=True"), "PyJWT, cache_keys"),
    Row("verify_joserfc", 5 * MINUTES, (3, 4)),
    Row("verify_authlib", 5 * MINUTES, (3, 4)),
    Row("verify_python_jose", 5 * MINUTES, (3, 4)),
    Row("verify_keyfunc", None, (0, 1)),
    Row("verify_oidc", None, (MADE_UP, MADE_UP)),
    Row("verify_zitadel", None, (MADE_UP, MADE_UP)),
    Row("verify_jwx", 5 * MINUTES, (0, 0), waits=True),
    Row("verify_jwx", 15 * MINUTES, (0, 0), (", jwk.WithConstantInterval(5*time.Minute)", ""), "jwx, its own interval", waits=True),
    Row("verify_go_jwt_middleware", 5 * MINUTES, (0, 0), waits=True),
    Row("SpringVerifier", 5 * MINUTES, (MADE_UP, MADE_UP)),
    # It fetches half a minute before the end.
    Row("NimbusVerifier", 270, (2, 4)),
    Row("Jose4jVerifier", 5 * MINUTES, (MADE_UP, MADE_UP)),
    Row("JavaJwtVerifier", None, (9, 16)),
    # The limit of the 6.10.0 that Debian has, once reached, has no end.
    Row("verify_php_jwt", 5 * MINUTES, (MADE_UP, MADE_UP), ("rateLimit: true", "rateLimit: false"), "php-jwt, no limit"),
    Row("verify_ruby_jwt", 5 * MINUTES, (3, 4)),
]


@dataclass
class Asked:
    """A verifier, its issuer, and a token that it has taken."""

    row: Row
    server: Issuer
    talker: Talker
    token: str

    def takes(self, token: str) -> bool:
        return "claims" in self.talker.ask(token=token)

    def fetches(self) -> int:
        """How often it has fetched the key set."""
        with urllib.request.urlopen(f"{self.server.http}/metrics", timeout=10) as answer:
            lines = answer.read().decode().splitlines()
        counts = (line for line in lines if line.startswith("http_server_request_duration_seconds_count{") and "jwks.json" in line)
        return sum(int(line.rpartition(" ")[2]) for line in counts)


@pytest.fixture
def asked(tmp_path, run) -> Iterator[Asked]:
    """Each verifier in turn, as soon as it has taken a token. They are built before the first one."""

    def prepare(row: Row, folder: Path) -> Asked:
        folder.mkdir()
        server = run(Issuer(folder, COUNTERSIGN_ACCESS_TOKEN_TTL="1h"))
        language = row.verifier.language
        replacements = {ISSUER: server.url} | dict(filter(None, [row.change]))
        built = guide(f"verify-{language}", language, folder / "guide", replacements)
        return Asked(row, server, built.verifier(folder / "guide", row.name), server.token())

    def ask(prepared: Asked) -> Asked:
        accepted(run(prepared.talker), prepared.token)
        return prepared

    return map(ask, [prepare(row, tmp_path / str(number)) for number, row in enumerate(ROWS)])


def made_up(token: str) -> str:
    """A token like this one, by a stranger's key with an id of its own."""
    header, claims, _ = token.split(".")
    named = part(header) | {"kid": str(uuid.uuid4())}
    return jwt.encode(part(claims), ec.generate_private_key(ec.SECP256R1()), "ES256", named)


def test_how_often_made_up_keys_are_fetched(asked):
    everybody, wrong = list(asked), []
    before = [each.fetches() for each in everybody]
    for _ in range(MADE_UP):
        begun = time.monotonic()
        for each in everybody:
            assert not each.takes(made_up(each.token)), each.row
        time.sleep(max(0, begun + 1 - time.monotonic()))
    for each, fetched in zip(everybody, before):
        times = each.fetches() - fetched
        print(f"{each.row}: {times} fetches for {MADE_UP} made-up keys; afterwards it takes a good one: {each.takes(each.token)}")
        least, most = each.row.fetches
        if not least <= times <= most:
            wrong.append(f"{each.row}: {times} fetches")
    assert not wrong


@dataclass
class Withdrawn:
    """When a verifier that goes on getting tokens of a withdrawn key fetched again, and refused them. Seconds."""

    asked: Asked
    begun: float
    fetched_before: int
    new: str
    fetched: float | None = None
    refused: float | None = None
    took_new: float | None = None

    def faults(self) -> list[str]:
        """What the page does not say."""
        row = self.asked.row
        kept = None if row.takes_stale else row.kept
        figures = {"fetches again": (self.fetched, row.kept), "refuses the old key": (self.refused, kept), "takes the new key": (self.took_new, kept)}
        return [
            f"{row} {what} after {seen} s, not {said}"
            for what, (seen, said) in figures.items()
            if (seen is None) != (said is None) or (said and abs(seen - said) > TOLERANCE)
        ]

    def look(self) -> None:
        takes_old = self.refused is None and self.asked.takes(self.asked.token)
        now = time.monotonic() - self.begun
        if self.fetched is None and self.asked.fetches() > self.fetched_before:
            self.fetched = now
        if self.refused is None and not takes_old:
            self.refused = now
        # Asked before, it would be what makes the verifier fetch.
        if self.took_new is None and (self.refused or self.asked.row.waits) and self.asked.takes(self.new):
            self.took_new = now


def withdraw(asked: Asked) -> Withdrawn:
    begun, fetched = time.monotonic(), asked.fetches()
    asked.server.rotate("--revoke-current")
    issue = asked.server.token
    new = wait_until("the new key signs", lambda: (token := issue()) and kid(token) != kid(asked.token) and token)
    return Withdrawn(asked, begun, fetched, new)


def test_how_long_a_withdrawn_key_is_taken(asked):
    everybody = [withdraw(each) for each in asked]
    while min(time.monotonic() - each.begun for each in everybody) < LONG:
        for each in everybody:
            each.look()
        time.sleep(STEP)
    for each in everybody:
        print(f"{each.asked.row}: fetched again after {each.fetched}, refused the old key after {each.refused}, took the new one after {each.took_new}")
    faults = [fault for each in everybody for fault in each.faults()]
    assert not faults, "\n".join(faults)
