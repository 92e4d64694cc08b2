"""Users who are made up, the same ones in every run: as JSON lines for `countersign import`, and as rows for COPY.

1 in 100 has a role, every other one metadata, 1 in 10 claims; 1 in 50 is disabled, the address of 1 in 4 is not
verified. The file is in no order that an index has, so that every index but that of the ids is filled at random places.
"""

import base64
import random
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import NamedTuple

SEED = 16
BEGIN = datetime(2020, 1, 1, tzinfo=timezone.utc)
SPAN = timedelta(days=5 * 365)
ROLE = "editor"
# Each is the beginning of 1 in 20 names.
FIRST_NAMES = [
    "Ada", "Bela", "Carmen", "Dilan", "Emil", "Fatou", "Greta", "Hiro", "Ines", "Jonas",
    "Kaya", "Liam", "Mila", "Nadia", "Omar", "Petra", "Quinn", "Rosa", "Sven", "Tara",
]  # fmt: skip
DOMAINS = ["example.com", "example.org", "mail.example.net", "example.edu"]
PLANS = ["free", "pro", "team"]
# What base64 writes, in bcrypt's order of the same 64 characters.
BCRYPT = bytes.maketrans(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
    b"./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
)
# The last characters of a salt and of a digest hold two and four bits.
SALT_ENDS, DIGEST_ENDS = ".Oeu", ".CGKOSWaeimquy26"

USER_COLUMNS = (
    "id, username, username_key, email, email_key, email_verified, password_hash, credential_version, is_2fa_enabled, "
    "roles, disabled_at, created_at, metadata, claims"
)
ROLE_COLUMNS = "role, created_at, user_id"


class Person(NamedTuple):
    id: str
    username: str
    email: str
    verified: bool
    password_hash: str
    role: str
    disabled: bool
    created: str
    metadata: str
    claims: str


def people(count: int) -> Iterator[Person]:
    source = random.Random(SEED)
    milliseconds = int(datetime(2026, 1, 1, tzinfo=timezone.utc).timestamp() * 1000)
    microseconds = SPAN // timedelta(microseconds=1)
    for number in range(count):
        bits = source.getrandbits(128)
        # Multiplication by an odd number: each number comes once, in no order.
        unique = number * 2654435761 % 2**32
        first = FIRST_NAMES[bits % 20]
        text = base64.b64encode(source.randbytes(39)).translate(BCRYPT).decode()
        moment, rest = (milliseconds + number // 1000).to_bytes(6, "big").hex(), f"{bits >> 80:012x}"
        yield Person(
            # In the order of the rows, as those are that an import makes (UUIDv7).
            id=f"{moment[:8]}-{moment[8:]}-7{number % 1000:03x}-8{rest[:3]}-{rest}",
            username=f"{first}.{unique:x}",
            email=f"{first.lower()}.{unique:x}@{DOMAINS[bits >> 8 & 3]}",
            verified=bits >> 10 & 3 != 0,
            password_hash=f"$2b$10${text[:21]}{SALT_ENDS[bits >> 12 & 3]}{text[21:51]}{DIGEST_ENDS[bits >> 14 & 15]}",
            role=ROLE if number % 100 == 7 else "",
            disabled=number % 50 == 3,
            created=(BEGIN + timedelta(microseconds=(bits >> 20) % microseconds)).isoformat(timespec="microseconds"),
            metadata=f'{{"crm_id":{unique},"plan":"{PLANS[bits % 3]}"}}' if number % 2 else "",
            claims=f'{{"tenant":"t{bits >> 16 & 1023}"}}' if number % 10 == 5 else "",
        )


def write_json_lines(path: Path, count: int) -> None:
    with path.open("w") as file:
        for person in people(count):
            optional = ""
            if person.role:
                optional += f',"roles":["{person.role}"]'
            if person.metadata:
                optional += f',"metadata":{person.metadata}'
            if person.claims:
                optional += f',"claims":{person.claims}'
            if person.disabled:
                optional += ',"state":"disabled"'
            file.write(
                f'{{"username":"{person.username}","email":"{person.email}",'
                f'"email_verified":{"true" if person.verified else "false"},"password_hash":"{person.password_hash}",'
                f'"create_time":"{person.created}"{optional}}}\n'
            )


def write_copy(users: Path, roles: Path, count: int) -> None:
    """COPY's text format: USER_COLUMNS, and ROLE_COLUMNS."""
    with users.open("w") as file, roles.open("w") as role_file:
        for person in people(count):
            file.write(
                f"{person.id}\t{person.username}\t{person.username.lower()}\t{person.email}\t{person.email}\t"
                f"{'t' if person.verified else 'f'}\t{person.password_hash}\t1\tf\t{person.role}\t"
                f"{'2026-01-01 00:00:00Z' if person.disabled else NULL}\t{person.created}\t"
                f"{person.metadata or NULL}\t{person.claims or NULL}\n"
            )
            if person.role:
                role_file.write(f"{person.role}\t{person.created}\t{person.id}\n")


NULL = "\\N"
