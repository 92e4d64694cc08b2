"""Ceremonies by soft-webauthn, taken apart so that each part can be broken; and CBOR as it should not be written.

All that is random comes from a seed: the same messages in each run.
"""

import base64
import copy
import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import soft_webauthn
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from fido2 import cbor, cose
from fido2.utils import sha256

RP_ID, ORIGIN = "example.org", "https://example.org"
USER_HANDLE = bytes(range(64))
UP, UV, BE, BS, AT, ED = 0x01, 0x04, 0x08, 0x10, 0x40, 0x80
numbers = random.Random(49)


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def head(major: int, number: int, width: int | None = None) -> bytes:
    """The head of an item, in the shortest form or with so many bytes of number."""
    if width is None:
        width = next(width for width, bound in ((0, 24), (1, 1 << 8), (2, 1 << 16), (4, 1 << 32)) if number < bound)
    additional = {0: number, 1: 24, 2: 25, 4: 26, 8: 27}[width]
    return bytes([major << 5 | additional]) + (number.to_bytes(width, "big") if width else b"")


def pairs(*members: tuple[object, object]) -> bytes:
    """A map in the order given, of values or of bytes that are encoded already (`Raw`)."""
    return head(5, len(members)) + b"".join(encoded(part) for member in members for part in member)


class Raw(bytes):
    """What is encoded already."""


def encoded(value: object) -> bytes:
    return value if isinstance(value, Raw) else cbor.encode(value)


class Key:
    """A private key that signs by its own algorithm, whatever soft-webauthn, which knows ES256 alone, asks for."""

    def __init__(self, key, *how: object):
        self.key, self.how = key, how

    def public_key(self):
        return self.key.public_key()

    def sign(self, message: bytes, *_: object) -> bytes:
        return self.key.sign(message, *self.how)


def es256() -> tuple[Key, type]:
    key = ec.derive_private_key(numbers.randrange(1, 1 << 250), ec.SECP256R1())
    return Key(key, ec.ECDSA(hashes.SHA256(), deterministic_signing=True)), cose.ES256


def eddsa() -> tuple[Key, type]:
    return Key(ed25519.Ed25519PrivateKey.from_private_bytes(numbers.randbytes(32))), cose.EdDSA


def rs256() -> tuple[Key, type]:
    """The RSA key of the specification's vectors: of the two smallest Mersenne primes above 2^1024."""
    p, q, e = (1 << 2203) - 1, (1 << 1279) - 1, 65537
    d = pow(e, -1, (p - 1) * (q - 1))
    public = rsa.RSAPublicNumbers(e, p * q)
    private = rsa.RSAPrivateNumbers(p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p), public)
    return Key(private.private_key(), padding.PKCS1v15(), hashes.SHA256()), cose.RS256


class Device(soft_webauthn.SoftWebauthnDevice):
    """soft-webauthn's authenticator, with a key of one of our algorithms."""

    def __init__(self, algorithm: Callable[[], tuple[Key, type]]):
        super().__init__()
        self.new_key, self.cose_key = algorithm()

    def cred_init(self, rp_id: str, user_handle: bytes) -> None:
        self.credential_id, self.private_key = numbers.randbytes(32), self.new_key
        self.rp_id, self.user_handle = rp_id, user_handle

    def register(self) -> "Registration":
        challenge = numbers.randbytes(32)
        # It makes a COSE key by what it imported as ES256.
        soft_webauthn.ES256 = self.cose_key
        options = {
            "rp": {"id": RP_ID}, "user": {"id": USER_HANDLE}, "challenge": challenge,
            "pubKeyCredParams": [{"alg": -7, "type": "public-key"}],
        }  # fmt: skip
        made = self.create({"publicKey": options}, ORIGIN)["response"]
        auth = cbor.decode(made["attestationObject"])["authData"]
        self.key = auth[55 + len(self.credential_id) :]
        return Registration(challenge, self.credential_id, made["clientDataJSON"], auth, self.key)

    def assertion(self) -> "Assertion":
        challenge = numbers.randbytes(32)
        made = self.get({"publicKey": {"rpId": RP_ID, "challenge": challenge}}, ORIGIN)["response"]
        return Assertion(challenge, self.credential_id, made["clientDataJSON"], made["authenticatorData"], self)


@dataclass
class Message:
    challenge: bytes
    id: bytes
    client: bytes
    auth: bytes

    def with_client(self, **members: object) -> "Message":
        return replace(self, client=json.dumps(json.loads(self.client) | members).encode())

    def with_flags(self, on: int = 0, off: int = 0) -> "Message":
        return replace(self, auth=self.auth[:32] + bytes([self.auth[32] & ~off | on]) + self.auth[33:])

    def with_rp(self, rp_id: str) -> "Message":
        return replace(self, auth=sha256(rp_id.encode()) + self.auth[32:])

    def case(self, response: dict, **more: object) -> dict:
        answer = {"id": b64(self.id), "rawId": b64(self.id), "type": "public-key", "response": response}
        answer |= {"authenticatorAttachment": "platform", "clientExtensionResults": {}}
        answer = copy.deepcopy(answer)
        for edit in self.edits:
            edit(answer)
        text = json.dumps(answer)
        for edit in self.text_edits:
            text = edit(text)
        return more | {
            "rp_id": RP_ID, "origin": ORIGIN, "challenge": b64(self.challenge),
            "user_verification": self.verification, "response": text,
        }  # fmt: skip


@dataclass
class Registration(Message):
    key: bytes
    verification: str = "preferred"
    edits: tuple = ()
    text_edits: tuple = ()
    format: object = "none"
    statement: object = field(default_factory=dict)
    # Instead of the attestation object.
    object: bytes | None = None

    def with_attested(self, id: bytes, key: bytes, *, length: int | None = None) -> "Registration":
        size = (len(id) if length is None else length).to_bytes(2, "big")
        return replace(self, id=id, auth=self.auth[:53] + size + id + key)

    def with_key(self, key: bytes) -> "Registration":
        return self.with_attested(self.id, key)

    def attestation(self) -> bytes:
        return pairs(("fmt", self.format), ("attStmt", self.statement), ("authData", self.auth))

    def to_case(self) -> dict:
        attestation = self.attestation() if self.object is None else self.object
        response = {"clientDataJSON": b64(self.client), "attestationObject": b64(attestation), "transports": ["internal"]}
        return self.case(response, ceremony="registration")


@dataclass
class Assertion(Message):
    device: Device
    verification: str = "preferred"
    edits: tuple = ()
    text_edits: tuple = ()
    # Instead of a right one.
    signature: bytes | None = None
    handle: bytes | None = USER_HANDLE
    login: bool = True
    sign_count: int = 0
    backup_eligible: bool = False

    def signed(self) -> bytes:
        return self.device.private_key.sign(self.auth + sha256(self.client))

    def with_count(self, count: int) -> "Assertion":
        return replace(self, auth=self.auth[:33] + count.to_bytes(4, "big") + self.auth[37:])

    def to_case(self) -> dict:
        signature = self.signed() if self.signature is None else self.signature
        response = {"clientDataJSON": b64(self.client), "authenticatorData": b64(self.auth), "signature": b64(signature)}
        response |= {} if self.handle is None else {"userHandle": b64(self.handle)}
        stored = {
            "id": b64(self.device.credential_id), "user_handle": b64(USER_HANDLE), "public_key": b64(self.device.key),
            "sign_count": self.sign_count, "backup_eligible": self.backup_eligible,
        }  # fmt: skip
        return self.case(response, ceremony="assertion", login=self.login, stored=stored)
